import { messageOf } from '@nixen/core'
import {
  completeAt,
  elementOf,
  queryTable,
  queryTypes,
  type EndpointSpec,
  type InputField,
  type QueryType,
} from '@nixen/api'
import { z } from 'zod'
import type { NixenContext } from '../context.ts'
import { countParser, textParser } from '../parse.ts'
import { proposeNames } from '../completion/names.ts'
import { allFields, answerOf, shapeOf } from './shape.ts'
import { inside, isSecret, parseValue, referenceOf, unitOf, wordsOf } from './values.ts'

/** A flag or positional argument of a command, as the library takes it. */
export interface Parameter {
  readonly kind: 'parsed' | 'boolean'
  readonly brief: string
  readonly parse?: (text: string) => unknown
  readonly placeholder?: string
  readonly optional?: boolean
  readonly variadic?: true
  readonly default?: undefined
  readonly proposeCompletions?: (this: NixenContext, partial: string) => Promise<readonly string[]>
}

/** Name of the flag that names the file of a secret: `passwordFile` of `password`. */
export const fileFlag = (field: string): string => `${field}File`

/** The positional arguments of an endpoint's command. */
export function argumentsOf(endpoint: EndpointSpec): readonly Parameter[] {
  const fields = new Map(allFields(endpoint).map((field) => [field.name, field]))
  return (endpoint.cli?.args ?? []).map((name) => {
    const field = fields.get(name)
    if (!field) throw new TypeError(`${endpoint.path} has no ${name}.`)
    return Object.assign(parsed(field, endpoint), { brief: briefOf(field), optional: !field.required })
  })
}

/** The flags of an endpoint's command, by name: one for each field that is no argument. A secret is read from a file. */
export function flagsOf(endpoint: EndpointSpec): Readonly<Record<string, Parameter>> {
  const positional = new Set(endpoint.cli?.args)
  const answer = answerOf(endpoint)
  const flags = new Map<string, Parameter>()
  for (const field of allFields(endpoint)) {
    if (positional.has(field.name)) continue
    if (answer.kind === 'list' && answer.paged && field.name === 'limit') flags.set('limit', limitFlag)
    else if (isSecret(field.schema)) flags.set(fileFlag(field.name), secretFlag(field))
    else flags.set(field.name, flagOf(field, endpoint))
  }
  return Object.fromEntries(flags)
}

const limitFlag: Parameter = {
  kind: 'parsed',
  parse: countParser,
  brief: 'Most objects; all when left out',
  placeholder: 'COUNT',
  optional: true,
}

function secretFlag({ name, description }: InputField): Parameter {
  const brief = `File with it, - for standard input: ${withoutStop(description ?? name)}`
  return { kind: 'parsed', parse: textParser, brief, placeholder: 'FILE', optional: true }
}

function flagOf(field: InputField, endpoint: EndpointSpec): Parameter {
  const schema = inside(field.schema)
  const brief = briefOf(field)
  if (schema instanceof z.ZodBoolean) return { kind: 'boolean', brief, optional: true }
  const optional = !field.required
  if (!(schema instanceof z.ZodArray)) return { ...parsed(field, endpoint), brief, optional }
  const item = elementOf(schema)
  return {
    ...parsed({ ...field, schema: item }, endpoint),
    parse: (text) => (text === '' ? nothing : isList(text) ? severalOf(text) : parseValue(item, text)),
    brief: `${brief}; may be repeated`,
    variadic: true,
    optional,
  }
}

/** An empty text among the values of a repeated flag: with it alone the list is empty. */
export const nothing: unique symbol = Symbol('nothing')

/** Several values that one flag gave, as a JSON list. */
export class Several {
  readonly values: readonly unknown[]

  constructor(values: readonly unknown[]) {
    this.values = values
  }
}

function isList(text: string): boolean {
  return text.startsWith('[{') && text.endsWith(']')
}

function severalOf(text: string): Several {
  try {
    // It begins and ends as a list does.
    return new Several(JSON.parse(text) as readonly unknown[])
  } catch (cause) {
    throw new SyntaxError(`It is no JSON list: ${messageOf(cause)}`, { cause })
  }
}

function parsed(field: InputField, endpoint: EndpointSpec): Parameter {
  const { schema } = field
  const words = wordsOf(schema)
  const reference = referenceOf(schema)
  const propose = queryCompletion(field, endpoint)
  return {
    kind: 'parsed',
    brief: '',
    parse: (text) => parseValue(schema, text),
    placeholder: placeholderOf(field),
    ...(words.length > 0
      ? { proposeCompletions: async (partial) => words.filter((word) => word.startsWith(partial)) }
      : reference !== undefined
        ? {
            async proposeCompletions(this: NixenContext, partial: string) {
              return await proposeNames(this, reference, partial)
            },
          }
        : propose),
  }
}

/** `-q` is completed by the fields and values of the query language. */
function queryCompletion({ name }: InputField, endpoint: EndpointSpec): Pick<Parameter, 'proposeCompletions'> {
  const answer = answerOf(endpoint)
  const id = answer.kind === 'list' && name === 'q' ? shapeOf(answer.item)['id'] : undefined
  const type = id && referenceOf(id)
  if (!isQueryType(type)) return {}
  return {
    proposeCompletions: async (partial) => {
      const { offset, length, options } = completeAt(partial, partial.length, queryTable(type), { limit: 200 })
      const fitting = options.filter(({ text }) => text.startsWith(partial.slice(offset, offset + length)))
      return fitting.map(({ text }) => partial.slice(0, offset) + text)
    },
  }
}

function isQueryType(type: string | undefined): type is QueryType {
  const types: readonly (string | undefined)[] = queryTypes
  return types.includes(type)
}

function placeholderOf({ name, schema }: InputField): string {
  const unit = unitOf(schema)
  const reference = referenceOf(schema)
  if (reference !== undefined) return reference.toUpperCase()
  if (unit === 'bytes') return 'SIZE'
  if (unit === 'time') return 'TIME'
  if (unit === 'duration') return 'DURATION'
  return name.replaceAll(/([A-Z])/g, '_$1').toUpperCase()
}

function briefOf({ name, description, schema, default: standard }: InputField): string {
  const words = wordsOf(schema)
  const reference = referenceOf(schema)
  const text = description === undefined ? (reference === undefined ? name : `The ${reference}`) : description
  // Descriptions are written for the API's documents too: one line without marks is enough here.
  const sentence = withoutStop(text.replaceAll('`', '').replaceAll(/\s+/g, ' '))
  const isChoice = words.length > 0 && !(inside(schema) instanceof z.ZodBoolean)
  const choice = isChoice && words.length <= 8 ? ` (${words.join('|')})` : ''
  const isShown = standard !== undefined && standard !== '' && !Array.isArray(standard)
  return `${sentence}${choice}${pairsOf(schema)}${isShown ? `; ${textOf(standard)} when left out` : ''}`
}

/** How an object is written: its fields, after an example. */
function pairsOf(schema: z.ZodType): string {
  const inner = inside(schema)
  const item = inside(inner instanceof z.ZodArray ? elementOf(inner) : inner)
  const options = item instanceof z.ZodDiscriminatedUnion ? item.options : [item]
  const names = [
    ...new Set(options.flatMap((option) => Object.keys(option instanceof z.ZodObject ? option.shape : {}))),
  ]
  if (names.length > 0) return `, as FIELD=VALUE,… with ${names.join(', ')}`
  return item instanceof z.ZodRecord ? ', as NAME=VALUE,…' : ''
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const withoutStop = (text: string): string => text.replace(/\.$/, '')
