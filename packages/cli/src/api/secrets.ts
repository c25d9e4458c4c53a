import type { InputField, Operation } from '@nixen/api'
import { canAsk, Terminal } from '../ask.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { readText } from '../serving.ts'
import { fileFlag } from './flags.ts'
import { allFields } from './shape.ts'
import { isSecret } from './values.ts'

/**
 * The secrets of a call: from the files that flags name, or from the terminal. It asks for what is required, and for the password of
 * something that is made; an empty answer leaves out what may be left out.
 */
export async function readSecrets(
  context: NixenContext,
  { endpoint }: Operation,
  flags: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {}
  for (const field of allFields(endpoint).filter(({ schema }) => isSecret(schema))) {
    const file = flags[fileFlag(field.name)]
    const isAsked = field.required || (endpoint.method === 'POST' && field.name === 'password')
    const value =
      typeof file === 'string' ? await readSecretFile(file) : isAsked ? await askFor(context, field) : undefined
    if (value !== undefined && value !== '') found[field.name] = value
    else if (field.required || typeof file === 'string')
      throw cliErrors.empty_password({ source: typeof file === 'string' ? file : 'the terminal' })
  }
  return found
}

/** The first line of a file, as restic reads its password files, or all of a PEM file; `-` is standard input. */
export async function readSecretFile(path: string): Promise<string> {
  const text = path === '-' ? await readStandardInput() : await readText(path)
  return text.startsWith('-----BEGIN') ? text : (text.split(/\r?\n/, 1)[0] ?? '')
}

async function readStandardInput(): Promise<string> {
  let text = ''
  for await (const part of process.stdin.setEncoding('utf8')) text += String(part)
  return text
}

async function askFor({ signal }: NixenContext, { name, required }: InputField): Promise<string | undefined> {
  if (!canAsk()) {
    if (required) throw cliErrors.no_secret({ flag: `--${name}-file` })
    return undefined
  }
  using terminal = new Terminal(signal)
  const label = name.replace(/^./, (letter) => letter.toUpperCase())
  const secret = await terminal.askHidden(`${label}${required ? '' : ' (Enter for none)'}: `)
  // Nobody can look a new password up again.
  if (required && (await terminal.askHidden('Once more: ')) !== secret) throw cliErrors.passwords_differ()
  return secret
}
