/**
 * The table of needs in services/kit/README.md, made from the contract.
 *
 * @module
 */
import { SERVICE_NEEDS, type ServiceNeed } from "../../contract/mod.ts";
import { withGenerated } from "../generated_text.ts";

/** The file that holds the table. */
export const KIT_README: string = new URL("../../kit/README.md", import.meta.url).pathname;

/** What the kit offers for each need; the others are requests on the bus. */
const FUNCTIONS: Partial<Record<ServiceNeed, string>> = {
  calls: "`app.answer`",
  listen: "`app.listen`",
  log: "`app.listen` with `durable`",
  post: "`app.post`",
  signal: "`app.signal`",
  events: "`app.event`",
  history: "`app.history`",
  presence: "`app.presence`",
  screen: "`app.screen`",
  screened: "`app.post` with `screen`",
  schedule: "`app.every`",
  moderate: "`request` with `RoomsKick`, `RoomsBan`, `RoomsUnban`, `RoomsBans`",
  revoke: "`request` with `AuthRevoke`, `AuthUnrevoke`, `AuthRevocations`",
  erase: "`request` with `HistoryErase`",
};

/** Returns the text of the file with a current table. */
export async function withNeeds(text: string): Promise<string> {
  const rows = Object.entries(SERVICE_NEEDS).map(([need, about]) =>
    `| \`${need}\` | ${about} | ${FUNCTIONS[need as ServiceNeed] ?? ""} |`
  );
  const table = ["| need | what the service may do | with |", "| --- | --- | --- |", ...rows];
  return await withGenerated(text, "needs", table.join("\n"));
}
