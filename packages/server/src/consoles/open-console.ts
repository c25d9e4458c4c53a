import { consoleEnds, type ConsoleEnd } from '@nixen/api'
import type { WebSocket } from 'ws'
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

  /** Closes a WebSocket that no console was opened for. */
  refuse(viewer: WebSocket, end: ConsoleEnd, reason: string = consoleEnds[end].text): void {
    viewer.on('error', () => viewer.terminate())
    viewer.close(consoleEnds[end].code, cutBytes(reason, longestReason))
  }
}

/** A control frame has 125 bytes at most (RFC 6455, 5.5), two of which are the code. */
const longestReason = 123

function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text)
  // A character that is cut through is dropped.
  return bytes.length <= most ? text : new TextDecoder().decode(bytes.subarray(0, most), { stream: true })
}
