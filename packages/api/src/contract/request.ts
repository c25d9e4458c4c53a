import { z } from 'zod'
import { requestErrors, type RequestProblem } from '../errors/request-errors.ts'
import { closest } from '../text/closest.ts'
import { inputIsQuery, type EndpointSpec, type InputOf, type ParamsOf } from './endpoint.ts'
import { elementOf, fieldsOf, unwrap, type InputSchema, type ObjectSchema } from './fields.ts'

/** A request as it came in. */
export interface RawRequest {
  readonly params?: Readonly<Record<string, string | undefined>>
  readonly query?: URLSearchParams
  /** Parsed JSON; `undefined` when there is no body. */
  readonly body?: unknown
}

/** A request as its endpoint takes it. */
export interface ParsedRequest<E> {
  readonly params: ParamsOf<E>
  readonly input: InputOf<E>
}

/**
 * Parses a request by its endpoint. Throws `request.invalid`, which names every field that is wrong, missing or unknown. A
 * GET or DELETE takes its input from the query, and so does an upload; everything else from the body.
 */
export function parseRequest<const E extends EndpointSpec>(endpoint: E, raw: RawRequest): ParsedRequest<E> {
  const problems: RequestProblem[] = []
  const params = check(endpoint.params, raw.params ?? {}, { where: 'params', problems })
  const fromQuery = inputIsQuery(endpoint)
  const { query } = raw
  if (!fromQuery) {
    for (const name of query?.keys() ?? [])
      problems.push({ path: `query.${name}`, message: 'This endpoint takes no query.' })
  }
  const given = fromQuery ? query && readQuery(endpoint.input, query) : raw.body
  const input = check(endpoint.input, given ?? {}, { where: fromQuery ? 'query' : 'input', problems })
  if (problems.length > 0) throw requestErrors.invalid({ problems })
  // Parsed by the schemas that the types are inferred from.
  return { params, input } as ParsedRequest<E>
}

interface CheckContext {
  readonly where: string
  readonly problems: RequestProblem[]
}

/** What is worked out of a schema once, not for each request. */
interface Prepared {
  /** Refuses fields that it does not know. */
  readonly strict: z.ZodType
  readonly fields: ReadonlyMap<string, PreparedField>
}

interface PreparedField {
  readonly isList: boolean
  readonly read: (text: string) => unknown
}

const nothing = z.strictObject({})
const prepared = new WeakMap<InputSchema, Prepared>()

function prepare(schema: InputSchema = nothing): Prepared {
  const known = prepared.get(schema)
  if (known) return known
  const made = {
    strict: schema instanceof z.ZodObject ? schema.strict() : schema,
    fields: new Map(fieldsOf(schema).map((field) => [field.name, prepareField(field.schema)])),
  }
  prepared.set(schema, made)
  return made
}

function prepareField(schema: z.ZodType): PreparedField {
  const isList = schema instanceof z.ZodArray
  const item = isList ? unwrap(elementOf(schema)) : schema
  const read = item instanceof z.ZodNumber ? readNumber : item instanceof z.ZodBoolean ? readBoolean : readText
  return { isList, read }
}

function check(schema: InputSchema | undefined, given: unknown, { where, problems }: CheckContext): unknown {
  const { strict, fields } = prepare(schema)
  const result = strict.safeParse(given)
  if (result.success) return result.data
  const names = [...fields.keys()]
  for (const issue of result.error.issues) problems.push(...problemsOf(issue, where, names))
  return undefined
}

function problemsOf(issue: z.core.$ZodIssue, where: string, names: readonly string[]): readonly RequestProblem[] {
  const path = [where, ...issue.path.map(String)].join('.')
  if (issue.code !== 'unrecognized_keys') {
    const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
    return [{ path, message: missing ? 'It is missing.' : issue.message }]
  }
  return issue.keys.map((key) => {
    const near = issue.path.length === 0 ? closest(key, names) : undefined
    return {
      path: `${path}.${key.slice(0, 100)}`,
      message: `There is no such field.${near === undefined ? '' : ` Did you mean "${near}"?`}`,
    }
  })
}

/** The query as the schema wants it: numbers and booleans from their text, repeated names as lists. Wrong text is left for zod. */
function readQuery(schema: InputSchema | undefined, query: URLSearchParams): Readonly<Record<string, unknown>> {
  const { fields } = prepare(schema)
  const given = new Map<string, unknown>()
  for (const name of new Set(query.keys())) {
    const texts = query.getAll(name)
    const field = fields.get(name)
    const values = texts.map(field?.read ?? readText)
    given.set(name, field?.isList === true || values.length > 1 ? values : values[0])
  }
  return Object.fromEntries(given)
}

const readText = (text: string): unknown => text
const readNumber = (text: string): unknown => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text)
const readBoolean = (text: string): unknown =>
  text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text

/** A call split into its path and what goes with it; the other direction of {@link parseRequest}. */
export function buildRequest(
  endpoint: EndpointSpec,
  call: Readonly<Record<string, unknown>>,
): { readonly path: string; readonly query: URLSearchParams; readonly body: unknown } {
  const names = new Set(namesOf(endpoint.params))
  const path = endpoint.path.replaceAll(/:([a-zA-Z]+)/g, (_, name: string) => encodeURIComponent(textOf(call[name])))
  const rest = Object.entries(call).filter(([name, value]) => !names.has(name) && value !== undefined)
  if (!inputIsQuery(endpoint)) {
    return { path, query: new URLSearchParams(), body: endpoint.input ? Object.fromEntries(rest) : undefined }
  }
  const query = new URLSearchParams()
  for (const [name, value] of rest) {
    for (const item of Array.isArray(value) ? value : [value]) query.append(name, textOf(item))
  }
  return { path, query, body: undefined }
}

function namesOf(schema: ObjectSchema | undefined): readonly string[] {
  return schema ? Object.keys(schema.shape) : []
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
