// A service in Go, with nats.go and nothing of Hopwire but its contract.
//
// It answers the call dice.roll as a NATS micro-service, and rolls when somebody says "roll" in a room
// table.*. Its user of NATS needs: NATS_SERVICES=dice=calls+listen+post
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const roomBuckets = 64

// roomEvent is a message of a room, as it is published and stored.
type roomEvent struct {
	Room      string `json:"room"`
	ID        string `json:"id"`
	UserID    string `json:"userId"`
	Username  string `json:"username"`
	Content   any    `json:"content"`
	Timestamp int64  `json:"timestamp"`
}

// messageSubject is where a message is published to be stored.
func messageSubject(room string) string {
	hash := fnv.New32a()
	hash.Write([]byte(room))
	return fmt.Sprintf("room.message.%d.%s", hash.Sum32()%roomBuckets, room)
}

func roll(request micro.Request) {
	// NATS lets a requester name any subject for the reply; only inboxes get an answer.
	if !strings.HasPrefix(request.Reply(), "_INBOX") {
		return
	}
	var call struct {
		Data *struct {
			Sides int `json:"sides"`
		} `json:"data"`
	}
	sides := 6
	err := json.Unmarshal(request.Data(), &call)
	if err == nil && call.Data != nil && call.Data.Sides != 0 {
		sides = call.Data.Sides
	}
	if err != nil || sides < 2 {
		request.Error("400", "sides: expected 2 or more", nil)
		return
	}
	request.RespondJSON(map[string]int{"rolled": 1 + rand.IntN(sides)})
}

func heard(nc *nats.Conn, message *nats.Msg) {
	var event roomEvent
	// What a consumer of a stream delivers here is nobody's message.
	if strings.HasPrefix(message.Reply, "$JS.") || json.Unmarshal(message.Data, &event) != nil {
		return
	}
	if event.Content != "roll" || event.UserID == "dice" {
		return
	}
	answer, _ := json.Marshal(roomEvent{
		Room:      event.Room,
		ID:        nats.NewInbox()[len("_INBOX."):][:22],
		UserID:    "dice",
		Username:  "Dice",
		Content:   fmt.Sprintf("%s rolled %d", event.Username, 1+rand.IntN(6)),
		Timestamp: time.Now().UnixMilli(),
	})
	out := nats.NewMsg(messageSubject(event.Room))
	out.Data = answer
	// JetStream stores a message with this id once.
	out.Header.Set("Nats-Msg-Id", fmt.Sprintf("dice:%s:%s", event.Room, event.ID))
	// What is sent because of a message is part of the same trace.
	if traceparent := message.Header["traceparent"]; len(traceparent) > 0 {
		out.Header["traceparent"] = traceparent
	}
	ack, err := nc.RequestMsg(out, 5*time.Second)
	if err != nil {
		log.Print("not stored: ", err)
		return
	}
	log.Printf("stored %s", ack.Data)
}

func main() {
	key, err := nats.NkeyOptionFromSeed(os.Getenv("NATS_NKEY_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	nc, err := nats.Connect(os.Getenv("NATS_URL"), key,
		nats.CustomInboxPrefix(os.Getenv("NATS_INBOX_PREFIX")), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	service, err := micro.AddService(nc, micro.Config{
		Name: "dice", Version: "1.0.0", Description: "Rolls dice.", QueueGroup: "dice",
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := service.AddGroup("call.dice").AddEndpoint("roll", micro.HandlerFunc(roll)); err != nil {
		log.Fatal(err)
	}
	_, err = nc.QueueSubscribe("room.live.*.table.>", "dice", func(message *nats.Msg) { heard(nc, message) })
	if err != nil {
		log.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		log.Fatal(err)
	}
	log.Print("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	if err := nc.Drain(); err != nil {
		log.Fatal(err)
	}
	for !nc.IsClosed() {
		time.Sleep(10 * time.Millisecond)
	}
}
