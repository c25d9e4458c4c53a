import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { NixenContext } from '../context.ts'
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
  const password = notEmpty(await ask(`${source.question}: `, context.signal), 'the terminal')
  if (source.isNew && (await ask('Once more: ', context.signal)) !== password) throw cliErrors.passwords_differ()
  return password
}

/** As restic reads its password files: editors add a line end that nobody means. */
const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? ''

function notEmpty(password: string, source: string): string {
  if (password === '') throw cliErrors.empty_password({ source })
  return password
}

/** A line from the terminal that is not shown. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const hidden = new Writable({ write: (_part, _encoding, done) => done() })
  process.stderr.write(question)
  const lines = createInterface({ input: process.stdin, output: hidden, terminal: true })
  try {
    return await lines.question('', { signal })
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}
