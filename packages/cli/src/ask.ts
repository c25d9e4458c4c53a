import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { Interrupted, type NixenContext } from './context.ts'
import { cliErrors } from './errors.ts'

/** Whether there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Lines from the terminal. One reader for all questions: it may have got the next line already. */
export class Terminal implements Disposable {
  readonly #signal: AbortSignal
  readonly #reader: Interface
  readonly #lines: AsyncIterator<string>
  #hidden = false
  #interrupted = false

  constructor(signal: AbortSignal) {
    const output = new Writable({
      write: (part: Buffer, _encoding, done) => {
        if (!this.#hidden) process.stderr.write(part)
        done()
      },
    })
    this.#signal = signal
    this.#reader = createInterface({ input: process.stdin, output, terminal: true, signal })
    this.#lines = this.#reader[Symbol.asyncIterator]()
    // The terminal is in raw mode, so Ctrl-C comes as a character and not as a signal.
    this.#reader.on('SIGINT', () => {
      this.#interrupted = true
      this.#reader.close()
    })
  }

  /** A line that is not shown. */
  async askHidden(question: string): Promise<string> {
    process.stderr.write(question)
    this.#hidden = true
    try {
      return await this.#next()
    } finally {
      this.#hidden = false
      process.stderr.write('\n')
    }
  }

  /** A line as it is typed. */
  async ask(question: string): Promise<string> {
    this.#reader.setPrompt(question)
    this.#reader.prompt()
    return (await this.#next()).trim()
  }

  /** Yes or no; Enter alone is `otherwise`. */
  async confirm(question: string, otherwise: boolean): Promise<boolean> {
    const answer = await this.ask(`${question} ${otherwise ? '[Y/n]' : '[y/N]'} `)
    return answer === '' ? otherwise : /^y(es)?$/i.test(answer)
  }

  async #next(): Promise<string> {
    const line = await this.#lines.next()
    this.#signal.throwIfAborted()
    if (this.#interrupted) throw new Interrupted('SIGINT')
    // Ctrl-D
    if (line.done) throw cliErrors.not_confirmed()
    return line.value
  }

  [Symbol.dispose](): void {
    this.#reader.close()
  }
}

/** Asks yes or no. */
export async function confirm({ signal }: NixenContext, question: string, otherwise = false): Promise<boolean> {
  using terminal = new Terminal(signal)
  return await terminal.confirm(question, otherwise)
}
