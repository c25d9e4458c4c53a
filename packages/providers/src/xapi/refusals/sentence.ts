/** What is known of an object that an error names. */
export interface NamedObject {
  readonly id: string
  readonly name: string
}

/** Finds an object by its reference or uuid; `undefined` for one that is not in the inventory. */
export type Names = (ref: string) => NamedObject | undefined

const kinds = {
  vm: 'the VM',
  host: 'the host',
  pool: 'the pool',
  sr: 'the storage',
  vdi: 'the disk',
  vbd: 'the drive',
  net: 'the network',
  nic: 'the NIC',
  gpu: 'the GPU',
  usb: 'the USB device',
  snapshot: 'the snapshot',
  any: 'the object',
} as const

/** Most of one parameter that a sentence shows, in characters. Drivers send whole stack traces. */
const longest = 300
const reference = /OpaqueRef:[0-9A-Za-z-]+/g

/** Makes the sentence of a template and the parameters of an error. A host may send fewer than the data model says. */
export function sentence(template: string, params: readonly string[], names: Names): string {
  const filled = template.replaceAll(/\{(?:(\w+) )?(\d+)\}/g, (_, kind: string | undefined, index: string) => {
    const param = params[Number(index)] ?? ''
    return kind === undefined ? plainText(param, names) : objectText(kind, param, names)
  })
  return withStop(filled.charAt(0).toUpperCase() + filled.slice(1))
}

/** A parameter as text: one line, not too long, references as the names of what they refer to. */
export function plainText(param: string, names: Names): string {
  const named = param.replaceAll(reference, (ref) => {
    const name = names(ref)?.name
    return name === undefined ? 'an object' : `"${name}"`
  })
  // The sentence brings its own full stop.
  const line = named.replaceAll(/\s+/g, ' ').trim().replace(/\.+$/, '')
  if (line === '') return 'not told'
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

function objectText(kind: string, param: string, names: Names): string {
  const word = Object.entries(kinds).find(([key]) => key === kind)?.[1] ?? kinds.any
  const name = names(param)?.name
  return name === undefined ? word : `${word} "${name}"`
}

/** Ends a text as a sentence ends, once. */
export function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
