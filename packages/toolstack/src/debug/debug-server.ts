import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { collectBytes, isAppError, messageOf } from '@nixen/core'
import { isXapiError } from '@nixen/xapi'
import type { Ref } from '../generated/rows.ts'
import type { Pool } from '../pool/pool.ts'
import { namedObject } from '../streams/objects.ts'
import { directoryAccount } from './account.ts'
import { debugErrors } from './errors.ts'
import { faultRule } from './fault-rule.ts'
import { killHost, panic, readDisk, setGuest, startHost, writeDisk } from './guest.ts'

export interface DebugOptions {
  readonly pool: Pool
  /** 0 takes a free one. */
  readonly port: number
  /** Stops to answer for a host. */
  readonly stopHost: (host: Ref<'host'>) => Promise<void>
  /** Works off all that waits to be coalesced on an SR. */
  readonly settle: (sr: string) => Promise<void>
}

/** A debug port that listens. */
export interface DebugServer extends AsyncDisposable {
  readonly url: string
}

/** Longest answer and body, in bytes. */
const limit = 64 * 1024 * 1024

/** Starts the debug port of a pool, on 127.0.0.1 only and without a password: tests play the guest and the world outside through it. */
export async function startDebugServer(options: DebugOptions): Promise<DebugServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => fail(response, error))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', () => resolve())
  })
  // A TCP server has an address of this form.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(options: DebugOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pool } = options
  // A web page of elsewhere must not reach it through a browser on this machine.
  if (request.headers.origin !== undefined) throw debugErrors.from_browser({ origin: request.headers.origin })
  const { pathname, searchParams: query } = URL.parse(request.url ?? '', 'http://host') ?? new URL('http://host')
  const [, kind, uuid, ...rest] = pathname.split('/')
  const action = `${request.method} ${kind} ${rest.length === 0 ? '' : rest[0]}`.trim()
  const result = await act(options, { action, uuid: uuid ?? '', rest, query, request })
  pool.db.settle()
  pool.db.commit()
  if (result instanceof Uint8Array) {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': result.length })
    return void response.end(result)
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(result)}\n`)
}

interface Request {
  readonly action: string
  readonly uuid: string
  /** Parts of the path after the UUID. */
  readonly rest: readonly string[]
  readonly query: URLSearchParams
  readonly request: IncomingMessage
}

async function act({ pool, stopHost, settle }: DebugOptions, asked: Request): Promise<object | Uint8Array> {
  const { action, uuid, rest, query, request } = asked
  const vm = (): Ref<'VM'> => namedObject(pool.db, 'VM', uuid)
  switch (action) {
    case 'PUT vms disks': {
      // Without an encoding a request yields buffers.
      const bytes = request as AsyncIterable<Uint8Array>
      const target = { vm: vm(), device: rest[1] ?? '', offset: numberIn(query, 'offset') }
      return { written: await writeDisk(pool, { ...target, bytes }) }
    }
    case 'GET vms disks': {
      const length = Math.min(limit, numberIn(query, 'length'))
      return await readDisk(pool, { vm: vm(), device: rest[1] ?? '', offset: numberIn(query, 'offset'), length })
    }
    case 'PUT vms guest':
      setGuest(pool, vm(), await jsonBody(request))
      return {}
    case 'POST vms panic':
      panic(pool, vm())
      return {}
    case 'POST hosts kill': {
      const host = namedObject(pool.db, 'host', uuid)
      await killHost(pool, host, () => stopHost(host))
      return {}
    }
    case 'POST hosts start': {
      const host = namedObject(pool.db, 'host', uuid)
      await startHost(pool, host, () => pool.moves.powerOn(pool, host))
      return {}
    }
    case 'PUT accounts':
      pool.directory.put(directoryAccount(uuid, await jsonBody(request)))
      return {}
    case 'DELETE accounts':
      if (!pool.directory.remove(uuid)) throw debugErrors.not_found({ what: `account "${uuid}"` })
      return {}
    case 'POST srs settle':
      await settle(pool.db.get('SR', namedObject(pool.db, 'SR', uuid)).uuid)
      return {}
    case 'POST faults':
      pool.faults.add(faultRule(await jsonBody(request)))
      return {}
    case 'DELETE faults':
      pool.faults.clear()
      return {}
    default:
      throw debugErrors.not_found({ what: `"${action}"` })
  }
}

function numberIn(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0)
  if (!Number.isSafeInteger(value) || value < 0) throw debugErrors.bad_number({ name })
  return value
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  // Without an encoding a request yields buffers.
  const bytes = await collectBytes(request as AsyncIterable<Uint8Array>, { limit })
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as unknown
  } catch (error) {
    throw debugErrors.bad_body({ expected: 'JSON' }, { cause: error })
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const status = isAppError(error) ? error.status : isXapiError(error) ? 404 : 500
  const code = isAppError(error) || isXapiError(error) ? error.code : 'internal'
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify({ error: { code, message: messageOf(error) } })}\n`)
}
