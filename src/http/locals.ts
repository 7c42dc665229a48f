import type { LogFields } from '../log.ts';
import type { Session } from './session.ts';

declare global {
  namespace Express {
    /** What the shop's handlers know about the request that they answer. */
    interface Locals {
      requestId: string;
      /** What the request's log line says besides method, path and status: order reference, intent id, event id. */
      logged: LogFields;
      /** From where a checkout came, as a keyed hash. */
      address?: string;
      /** Absent until the session is read: on routes for programs, and when a request is refused earlier. */
      session?: Session;
    }
  }
}
