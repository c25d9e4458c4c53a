import { z } from 'zod'
import type { Operation } from '../contract/contract.ts'
import { inputIsQuery, type EndpointSpec } from '../contract/endpoint.ts'
import { fieldsOf, type ObjectSchema } from '../contract/fields.ts'
import { ErrorBody } from '../errors/body.ts'
import { errorAreas } from '../errors/catalogue.ts'

type Json = Readonly<Record<string, unknown>>

/** Makes the OpenAPI 3.1 document of a contract. The same input gives the same document, key by key. */
export function openApiOf(operations: readonly Operation[], { version }: { readonly version: string }): Json {
  const schemas = new Schemas()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const path = operation.endpoint.path.replaceAll(/:([a-zA-Z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.endpoint.method.toLowerCase()]: describe(operation, schemas) }
  }
  const errorRef = schemas.of(ErrorBody, 'output')
  const document = withoutUndefined({
    openapi: '3.1.0',
    info: {
      title: 'Nixen',
      version,
      description:
        'Control plane for VMs on XCP-ng, XenServer, libvirt and Proxmox VE. Errors: docs/reference/errors.md. Lists: docs/reference/query-language.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }, { session: [] }],
    tags: [...new Set(operations.map(({ group }) => group))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.all(),
      responses: {
        Error: { description: 'Not done; the body says why.', content: { 'application/json': { schema: errorRef } } },
      },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'nixen_session',
          description: 'The session of a browser; with X-CSRF-Token for everything but GET.',
        },
      },
    },
  })
  return schemas.resolve(document)
}

function withoutUndefined(document: Json): Json {
  // What JSON holds comes back as it is.
  return JSON.parse(JSON.stringify(document)) as Json
}

/** Name of the permission that an operation needs, as an extension that tools ignore. */
const permissionKey = 'x-permission'

function describe({ operation, group, endpoint }: Operation, schemas: Schemas): Json {
  const { summary, description, permission, audit, cli } = endpoint
  const inQuery = inputIsQuery(endpoint)
  const parameters = [
    ...parametersOf(endpoint.params, 'path', schemas),
    ...(inQuery && endpoint.input instanceof z.ZodObject ? parametersOf(endpoint.input, 'query', schemas) : []),
  ]
  return {
    operationId: operation,
    tags: [group],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(permission === 'public' ? { security: [] } : {}),
    [permissionKey]: permission,
    ...(audit === undefined ? {} : { 'x-audit': audit }),
    ...(cli ? { 'x-cli': `nixen ${cli.verb}` } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(endpoint.upload ? { requestBody: { required: true, content: fileContent(endpoint.upload) } } : {}),
    ...(!inQuery && endpoint.input
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.of(endpoint.input, 'input') } },
          },
        }
      : {}),
    responses: responsesOf(endpoint, schemas),
  }
}

function parametersOf(schema: ObjectSchema | undefined, where: 'path' | 'query', schemas: Schemas): readonly Json[] {
  if (!schema) return []
  return fieldsOf(schema).map(({ name, required, description, schema: inner }) => ({
    name,
    in: where,
    required: where === 'path' || required,
    description,
    explode: where === 'query' && inner instanceof z.ZodArray ? true : undefined,
    // `shape` has every field that `fieldsOf` lists.
    schema: schemas.of(schema.shape[name] as z.ZodType, 'input'),
  }))
}

function responsesOf(endpoint: EndpointSpec, schemas: Schemas): Json {
  return { ...successOf(endpoint, schemas), ...failuresOf(endpoint), default: { $ref: '#/components/responses/Error' } }
}

/** A file, byte by byte. */
function fileContent(types: readonly string[]): Json {
  return Object.fromEntries(types.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]))
}

function successOf({ output, stream, download }: EndpointSpec, schemas: Schemas): Json {
  if (download !== undefined) return { 200: { description: 'The file.', content: fileContent([download]) } }
  if (stream) {
    const events = Object.entries(stream).map(([event, data]) => [event, schemas.of(data, 'output')])
    return {
      200: {
        description: 'Server-sent events; the data of each is JSON.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
        'x-events': Object.fromEntries(events),
      },
    }
  }
  if (!output) return { 204: { description: 'Done.' } }
  return { 200: { description: 'Done.', content: { 'application/json': { schema: schemas.of(output, 'output') } } } }
}

/** The declared errors, by HTTP status. */
function failuresOf({ errors = [] }: EndpointSpec): Json {
  const byStatus = new Map<number, string[]>()
  for (const code of errors) byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code])
  const entries = [...byStatus].map(([status, codes]) => [
    status,
    {
      description: codes.map((code) => `\`${code}\``).join(', '),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' } } },
    },
  ])
  return Object.fromEntries(entries)
}

const statuses: ReadonlyMap<string, number> = new Map(
  errorAreas.flatMap(({ area, specs }) =>
    Object.entries<{ readonly status?: number }>(specs).map(
      ([key, { status }]) => [`${area}.${key}`, status ?? 500] as const,
    ),
  ),
)

function statusOf(code: string): number {
  return statuses.get(code) ?? 500
}

type Direction = 'input' | 'output'
const here = '#/components/schemas/'
/** How a schema for requests is referred to until it is known whether answers have another one of that name. */
const pending = `${here}in:`

/**
 * Collects the schemas that have a name under `#/components/schemas`. What a request takes may differ from what an answer gives (fields with
 * a default may be left out): then the former is called `NAMEInput`.
 */
class Schemas {
  readonly #named: Readonly<Record<Direction, Map<string, Json>>> = { input: new Map(), output: new Map() }

  of(schema: z.ZodType, io: Direction): Json {
    const { $schema: _, $defs = {}, ...own } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
    for (const [name, definition] of Object.entries($defs)) this.#add(name, rewrite(definition, io), io)
    return rewrite(own, io)
  }

  all(): Json {
    const different = this.#different()
    const entries = [...this.#named.output]
    for (const [name, schema] of this.#named.input) {
      if (different.has(name)) entries.push([`${name}Input`, schema])
      else if (!this.#named.output.has(name)) entries.push([name, schema])
    }
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** The document with its references resolved. */
  resolve(document: Json): Json {
    const different = this.#different()
    const target = (name: string): string => `${here}${name}${different.has(name) ? 'Input' : ''}`
    // A document is an object.
    return JSON.parse(JSON.stringify(document), (key, value: unknown) =>
      key === '$ref' && typeof value === 'string' && value.startsWith(pending)
        ? target(value.slice(pending.length))
        : value,
    ) as Json
  }

  #add(name: string, schema: Json, io: Direction): void {
    const known = this.#named[io].get(name)
    if (known && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new TypeError(`There are two schemas ${name}. Give one of them another id.`)
    }
    this.#named[io].set(name, schema)
  }

  /** Names whose schemas differ between requests and answers, by themselves or by what they refer to. */
  #different(): ReadonlySet<string> {
    const { input, output } = this.#named
    const text = new Map([...input].map(([name, schema]) => [name, JSON.stringify(schema)]))
    const found = new Set<string>()
    for (const [name, json] of text) {
      const answer = output.get(name)
      if (answer && json.replaceAll(pending, here) !== JSON.stringify(answer)) found.add(name)
    }
    for (let before = -1; before < found.size;) {
      before = found.size
      for (const [name, json] of text) {
        if (output.has(name) && [...found].some((other) => json.includes(`"${pending}${other}"`))) found.add(name)
      }
    }
    return found
  }
}

/** Points references at the document's components, and leaves out what only Nixen reads. */
function rewrite(value: unknown, io: Direction): Json {
  const copy: unknown = JSON.parse(JSON.stringify(value), (key, inner: unknown) => {
    if (key === '$ref' && typeof inner === 'string')
      return inner.replace(/^#\/\$defs\//, io === 'input' ? pending : here)
    return key === 'id' && typeof inner === 'string' ? undefined : inner
  })
  // A schema is an object.
  return copy as Json
}
