import { contract, type EndpointSpec } from '@nixen/api'

/** Actions on VMs that the console offers; the names are those of the contract. */
export const vmActionNames = [
  'start',
  'shutdown',
  'reboot',
  'pause',
  'unpause',
  'suspend',
  'resume',
  'hardShutdown',
  'hardReboot',
  'snapshot',
  'migrate',
  'clone',
  'delete',
] as const
export type VmActionName = (typeof vmActionNames)[number]

/** The endpoint behind an action: its summary, permission, path and verb of the command line. */
export function vmEndpoint(name: VmActionName): EndpointSpec {
  return contract.vm[name]
}

/** What a user would type, or send, for the same. */
export function equivalents(
  name: VmActionName,
  id: string,
  input: Readonly<Record<string, unknown>>,
): { readonly cli: string; readonly api: string } {
  const { method, path, cli } = vmEndpoint(name)
  const given = Object.entries(input).filter(([, field]) => field !== undefined && field !== '')
  const args = cli?.args ?? []
  const positional = given.filter(([field]) => args.includes(field)).map(([, field]) => quoted(field))
  const flags = given.filter(([field]) => !args.includes(field)).map(([field, text]) => flagOf(field, text))
  const query =
    method === 'DELETE' && given.length > 0
      ? `?${new URLSearchParams(given.map(([field, text]) => [field, String(text)]))}`
      : ''
  const body = method === 'DELETE' || given.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(given))}`
  return {
    cli: ['nixen', cli?.verb ?? '', id, ...positional, ...flags].join(' '),
    api: `${method} /api/v1${path.replace(':id', id)}${query}${body}`,
  }
}

function flagOf(field: string, given: unknown): string {
  const name = field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (given === true) return `--${name}`
  return given === false ? `--no-${name}` : `--${name} ${quoted(given)}`
}

function quoted(given: unknown): string {
  const text = String(given)
  return /^[\w.,:~/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
