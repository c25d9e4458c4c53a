import { allEndpoints, builtinRoles, covers, type Operation, type Role } from '@nixen/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'

// Made from the contract: every endpoint is tried by everybody, and only those with its permission get past the door.

const state = await temporaryState()
const server = await testServer(state.path)
const password = 'a long enough password'
const people = new Map<string, Browser>()

beforeAll(async () => {
  const { client } = await signUp(server)
  for (const role of builtinRoles) {
    await client.user.create({ name: `${role.id}-person`, password, roles: [role.id] })
  }
  await client.user.create({ name: 'nobody-person', password })
  for (const id of [...builtinRoles.map((role) => role.id), 'nobody']) {
    people.set(id, await logIn(server, { name: `${id}-person`, password }))
  }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

/** Sends a request that is well-formed in its path and nothing else: who is let in gets another error than `auth.*`. */
async function knock({ endpoint }: Operation, fetch: Browser['fetch']): Promise<{ status: number; code: string }> {
  const path = endpoint.path.replaceAll(/:[a-zA-Z]+/g, 'x').replace(/\/$/, '')
  const stop = new AbortController()
  const response = await fetch(`${server.url}api/v1${path}`, {
    method: endpoint.method,
    signal: stop.signal,
    ...(endpoint.method === 'GET' || endpoint.method === 'DELETE'
      ? {}
      : { body: '{"unknown":1}', headers: { 'content-type': 'application/json' } }),
  })
  if (response.headers.get('content-type')?.includes('event-stream')) {
    stop.abort()
    return { status: response.status, code: '' }
  }
  const body = response.status === 204 ? {} : ((await response.json()) as { error?: { code: string } })
  return { status: response.status, code: body.error?.code ?? '' }
}

function tabOf(id: string): Browser {
  const tab = people.get(id)
  if (!tab) throw new TypeError(`Nobody has the role ${id}`)
  return tab
}

const protectedOperations = allEndpoints.filter(({ endpoint }) => endpoint.permission !== 'public')
// Ending the session of the one who tries would end the test.
const harmless = protectedOperations.filter(({ operation }) => operation !== 'session.logOut')

test.each(protectedOperations.map((operation) => [operation.operation, operation] as const))(
  '%s is closed to strangers',
  async (_name, operation) => {
    expect(await knock(operation, fetch)).toEqual({ status: 401, code: 'auth.required' })
  },
)

describe.each([...builtinRoles.map((role) => [role.id, role] as const), ['nobody', undefined] as const])(
  'the role %s',
  (id: string, role: Role | undefined) => {
    test.each(harmless.map((operation) => [operation.operation, operation] as const))(
      'gets exactly what it is given of %s',
      async (_name, operation) => {
        const { permission } = operation.endpoint
        const grants = role?.grants ?? []
        const given =
          permission === 'session' ||
          permission === 'any' ||
          grants.some(({ actions }) => actions.some((pattern) => covers(pattern, permission)))
        const { fetch } = tabOf(id)
        const { status, code } = await knock(operation, fetch)
        const refused = status === 403 && code === 'auth.forbidden'
        expect({ refused, code }).toEqual({ refused: !given, code })
        // Who is let in is known, and comes from the right page.
        expect(code).not.toMatch(/^auth\.(required|bad_origin|expired)$/)
      },
    )
  },
)
