import { camel, typeName, type Field, type TypeEntry } from './model.ts'
import { readCode, shapeOf, tsType, writeCode, type Shape, type Types } from './shape.ts'

/** Interfaces and codecs of all types that `roots` need, what is used before what uses it. */
export function generateTypes(types: Types, roots: readonly string[]): string {
  const done = new Set<string>()
  const parts: string[] = []
  const visit = (name: string): void => {
    if (done.has(name)) return
    done.add(name)
    const entry = types.get(name)
    if (!entry) throw new Error(`protocol.json does not describe ${name}`)
    if (entry.kind === 'struct') for (const field of entry.fields) visitShape(shapeOf(field, types))
    parts.push(codeOf(entry, types))
  }
  const visitShape = (shape: Shape): void => {
    if (shape.kind === 'named') visit(shape.name)
    else if (shape.kind === 'array' || shape.kind === 'optional') visitShape(shape.of)
  }
  for (const root of roots) visit(root)
  return `import type { Codec } from '../wire/codec.ts'\nimport { badXdr } from '../wire/xdr-reader.ts'\n\n${parts.join('\n')}`
}

function codeOf(entry: TypeEntry, types: Types): string {
  switch (entry.kind) {
    case 'struct':
      return struct(entry.name, entry.fields, types)
    case 'union':
      return union(entry, types)
    case 'typedef':
    case 'enum':
      throw new Error(`${entry.name} is not a type with fields`)
  }
}

function struct(wire: string, fields: readonly Field[], types: Types): string {
  const name = typeName(wire)
  const isArgs = wire.endsWith('_args')
  const list = fields.map((field) => ({ name: camel(field.name), shape: shapeOf(field, types) }))
  const mayBeLeftOut = (field: { name: string; shape: Shape }): boolean =>
    isArgs && (field.shape.kind === 'optional' || (field.name === 'flags' && field.shape.kind === 'number'))
  const members = list.map((field) => {
    const type = tsType(field.shape)
    if (!mayBeLeftOut(field)) return `  readonly ${field.name}: ${type}`
    return `  readonly ${field.name}?: ${type}${field.shape.kind === 'optional' ? '' : ' | undefined'}`
  })
  const writes = list.map((field) => {
    const value = field.name === 'flags' && mayBeLeftOut(field) ? 'v.flags ?? 0' : `v.${field.name}`
    return `    ${writeCode(field.shape, value)}`
  })
  const reads = list.map((field) => `    ${field.name}: ${readCode(field.shape)},`)
  return `/** \`${wire}\` */
export interface ${name} {
${members.join('\n')}
}
export const ${name}: Codec<${name}> = {
  write(w, v) {
${writes.join('\n')}
  },
  read: (r) => ({
${reads.join('\n')}
  }),
}
`
}

function union({ name: wire, arms }: TypeEntry & { kind: 'union' }, types: Types): string {
  const name = typeName(wire)
  const list = arms.map((arm) => ({
    number: arm.case,
    // VIR_TYPED_PARAM_LLONG is `llong`.
    word: (arm.caseConst.split('_').at(-1) ?? '').toLowerCase(),
    shape: shapeOf(arm.field, types),
  }))
  return `/** \`${wire}\` */
export type ${name} =
${list.map(({ word, shape }) => `  | { readonly type: '${word}'; readonly value: ${tsType(shape)} }`).join('\n')}
export const ${name}: Codec<${name}> = {
  write(w, v) {
    switch (v.type) {
${list.map(({ word, number, shape }) => `      case '${word}':\n        w.int(${number})\n        ${writeCode(shape, 'v.value')}\n        return`).join('\n')}
    }
  },
  read(r) {
    const type = r.int()
    switch (type) {
${list.map(({ word, number, shape }) => `      case ${number}:\n        return { type: '${word}', value: ${readCode(shape)} }`).join('\n')}
      default:
        throw badXdr(r, \`a ${wire} of the type \${type}\`)
    }
  },
}
`
}
