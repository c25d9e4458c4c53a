import type { ProtectJournal, UndoStep } from '@nixen/providers'
import { fromWire, type JournalQuestion, type WireError } from '../protocol.ts'

/** The journal of the server, asked over the channel: a step is made only when it is written down there. */
export class RemoteJournal implements ProtectJournal {
  readonly #ask: (seq: number, question: JournalQuestion) => void
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  #next = 1

  constructor(ask: (seq: number, question: JournalQuestion) => void) {
    this.#ask = ask
  }

  async undo(step: UndoStep): Promise<{ forget(): Promise<void> }> {
    const entry = this.#next++
    await this.#question({ kind: 'undo', entry, step })
    return { forget: async () => await this.#question({ kind: 'forget', entry }) }
  }

  /** Takes an answer of the server. */
  answered({ seq, error }: { readonly seq: number; readonly error?: WireError | undefined }): void {
    const waiting = this.#waiting.get(seq)
    this.#waiting.delete(seq)
    if (error) waiting?.reject(fromWire(error))
    else waiting?.resolve()
  }

  async #question(question: JournalQuestion): Promise<void> {
    const seq = this.#next++
    const waiting = Promise.withResolvers<void>()
    this.#waiting.set(seq, waiting)
    this.#ask(seq, question)
    await waiting.promise
  }
}
