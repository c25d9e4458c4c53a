import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { Interrupted, type NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { readText } from '../serving.ts'

/** Where a password comes from: a file's first line, the environment, or the terminal, in this order. */
export interface PasswordSource {
  /** Path of a file. */
  readonly file?: string | undefined
  /** Name of a variable. */
  readonly variable: string
  /** What the terminal asks. */
  readonly question: string
  /** Ask twice, since it can't be looked up later. */
  readonly isNew: boolean
}

/** Reads a password. Errors: `cli.no_password`, `cli.empty_password`, `cli.passwords_differ`, `cli.cannot_read`. */
export async function readPassword(context: NixenContext, source: PasswordSource): Promise<string> {
  if (source.file !== undefined) return notEmpty(firstLine(await readText(source.file)), source.file)
  const fromEnvironment = context.process.env?.[source.variable]
  if (fromEnvironment !== undefined) return notEmpty(fromEnvironment, source.variable)
  if (!process.stdin.isTTY) throw cliErrors.no_password()
  using terminal = new HiddenInput(context.signal)
  const password = notEmpty(await terminal.ask(`${source.question}: `), 'the terminal')
  if (source.isNew && (await terminal.ask('Once more: ')) !== password) throw cliErrors.passwords_differ()
  return password
}

/** As restic reads its password files: editors add a line end that nobody means. */
const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? ''

function notEmpty(password: string, source: string): string {
  if (password === '') throw cliErrors.empty_password({ source })
  return password
}

/** Lines from the terminal that are not shown. One reader for all questions: it may have got the next line already. */
class HiddenInput implements Disposable {
  readonly #signal: AbortSignal
  readonly #reader: Interface
  readonly #lines: AsyncIterator<string>
  #interrupted = false

  constructor(signal: AbortSignal) {
    const hidden = new Writable({ write: (_part, _encoding, done) => done() })
    this.#signal = signal
    this.#reader = createInterface({ input: process.stdin, output: hidden, terminal: true, signal })
    this.#lines = this.#reader[Symbol.asyncIterator]()
    // The terminal is in raw mode, so Ctrl-C comes as a character and not as a signal.
    this.#reader.on('SIGINT', () => {
      this.#interrupted = true
      this.#reader.close()
    })
  }

  async ask(question: string): Promise<string> {
    process.stderr.write(question)
    const line = await this.#lines.next()
    process.stderr.write('\n')
    this.#signal.throwIfAborted()
    if (this.#interrupted) throw new Interrupted('SIGINT')
    // Ctrl-D
    if (line.done) throw cliErrors.no_password()
    return line.value
  }

  [Symbol.dispose](): void {
    this.#reader.close()
  }
}
