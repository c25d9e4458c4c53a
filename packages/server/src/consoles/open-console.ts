import type { ConsoleEnd } from '@nixen/api'
import { Ended } from './relay.ts'
import type { Grant } from './tickets.ts'

/** Where a viewer comes from, for the audit log. */
export interface Visit {
  readonly address: string
  readonly requestId: string
  /** Of the object, when the console was opened. */
  readonly name: string
}

/** A console with a viewer. */
export class OpenConsole {
  /** With what its holder may do as it was found out last. */
  grant: Grant
  readonly visit: Visit
  readonly #over = new AbortController()

  constructor(grant: Grant, visit: Visit) {
    this.grant = grant
    this.visit = visit
  }

  /** Aborted with {@link Ended}. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** The first reason counts. */
  end(end: ConsoleEnd): void {
    this.#over.abort(new Ended(end))
  }
}
