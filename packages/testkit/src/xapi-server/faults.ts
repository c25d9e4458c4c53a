import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What goes wrong instead of, or in the middle of, an answer. */
export type Fault =
  /** The answer announces its length and ends after `after` bytes. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** Bytes without end. */
  | { readonly kind: 'oversize' }
  | { readonly kind: 'content-type'; readonly contentType: string }
  /** The request is read, nothing comes back. */
  | { readonly kind: 'never-answer' }
  /** One byte, and then another one every `everyMs`. */
  | { readonly kind: 'trickle'; readonly everyMs: number }
  /** The connection is reset before any byte of an answer. */
  | { readonly kind: 'reset' }
  /** The connection is reset after `after` bytes of the answer. */
  | { readonly kind: 'reset-after'; readonly after: number }
  | { readonly kind: 'status'; readonly status: number; readonly body?: string }
  | { readonly kind: 'body'; readonly body: string | Uint8Array }
  /** An error of the API. */
  | { readonly kind: 'error'; readonly code: string; readonly params?: readonly string[] }

/** When a fault happens. */
export interface FaultRule {
  readonly fault: Fault
  /** Only this method of the API (`VM.start`) or path (`/export`); all when left out. */
  readonly on?: string
  /** How many times; once when left out. */
  readonly times?: number
  /** Calls that match and are let through first. */
  readonly skip?: number
}

/** The faults that are still to come. */
export class FaultPlan {
  #rules: { rule: FaultRule; skip: number; left: number }[] = []

  add(rule: FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, left: rule.times ?? 1 })
  }

  clear(): void {
    this.#rules = []
  }

  /** The fault for a call of `method` (or a request of a path), if one is due. */
  take(method: string): Fault | undefined {
    for (const entry of this.#rules) {
      if (entry.left === 0 || (entry.rule.on !== undefined && entry.rule.on !== method)) continue
      if (entry.skip > 0) {
        entry.skip--
        continue
      }
      entry.left--
      return entry.rule.fault
    }
    return undefined
  }
}

/** Answers as the fault says; `whole` is what the right answer would be. */
export async function answerWithFault(response: ServerResponse, fault: Fault, whole: string): Promise<void> {
  const socket = response.socket as Socket // An answer that has not ended has its socket.
  const head = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(whole) }
  switch (fault.kind) {
    case 'truncate':
      response.writeHead(200, head).write(Buffer.from(whole).subarray(0, fault.after))
      await sleep(20)
      socket.destroy()
      return
    case 'reset-after':
      response.writeHead(200, head).write(Buffer.from(whole).subarray(0, fault.after))
      await sleep(20)
      socket.resetAndDestroy()
      return
    case 'reset':
      socket.resetAndDestroy()
      return
    case 'never-answer':
      return
    case 'oversize':
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"jsonrpc":"2.0","result":"')
      while (!socket.destroyed) if (!response.write('x'.repeat(65_536))) await sleep(1)
      return
    case 'trickle':
      response.writeHead(200, head)
      for (const byte of whole) {
        if (socket.destroyed) return
        response.write(byte)
        await sleep(fault.everyMs)
      }
      response.end()
      return
    case 'content-type':
      response.writeHead(200, { ...head, 'Content-Type': fault.contentType }).end(whole)
      return
    case 'status':
      response.writeHead(fault.status, { 'Content-Type': 'text/html' }).end(fault.body ?? 'no')
      return
    case 'body':
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(fault.body)
      return
    case 'error':
      throw new TypeError('errors of the API are answered where the method is called')
  }
}
