/**
 * The limits of a session.
 *
 * @module
 */

/** The limits of a session, named as the gateway's variables are. */
export interface SessionLimits {
  /** Frames a second, and frames at once after a pause. */
  RATE_FRAMES_PER_SECOND: number;
  RATE_BURST: number;
  /** Time to authenticate, and time without a frame before closing (0: no limit), milliseconds. */
  AUTH_DEADLINE_MS: number;
  IDLE_TIMEOUT_MS: number;
}
