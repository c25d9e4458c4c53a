import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConnectionId } from '@nixen/api'
import { systemClock } from '@nixen/core'
import type { RunningPool, Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { describe, expect, test } from 'vitest'
import { actingConformance, xapiTruth, type ActingEndpoint, type ActingTarget } from '../src/conformance/index.ts'
import { xapiProvider } from '../src/index.ts'
import { ports, quickToolstack, specOf } from './connect.ts'

// NIXEN_LONG_TESTS=1 lets every call fail in turn; otherwise a few of each action.
const long = process.env['NIXEN_LONG_TESTS'] !== undefined

/** A toolstack that may die and come back with what it had, at the same addresses. */
class Mortal {
  readonly folder: string
  #now: Promise<Toolstack>

  constructor(folder: string) {
    this.folder = folder
    this.#now = this.#start(0)
  }

  get now(): Promise<Toolstack> {
    return this.#now
  }

  restart(): Promise<unknown> {
    this.#now = this.#now.then(async (running) => {
      const { port } = running
      await running[Symbol.asyncDispose]()
      return await this.#start(port)
    })
    return this.#now
  }

  #start(port: number): Promise<Toolstack> {
    return quickToolstack({ pools: 2, hosts: 2, vms: 5, dataDir: this.folder, port })
  }
}

/** Two pools of a toolstack: two hosts and a few VMs each. */
async function toolstackTarget(): Promise<ActingTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-acting-'))
  const mortal = new Mortal(folder)
  const endpoints = [await endpointOf(mortal, 0), await endpointOf(mortal, 1)] as const
  const [first, second] = endpoints
  return {
    provider: xapiProvider,
    first,
    second,
    folder: '/mnt/files',
    async [Symbol.asyncDispose]() {
      for (const endpoint of endpoints) await endpoint.close()
      await (await mortal.now)[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function endpointOf(mortal: Mortal, index: number): Promise<ActingEndpoint & { close(): Promise<void> }> {
  const poolNow = async (): Promise<RunningPool> => {
    const pool = (await mortal.now).pools[index]
    if (!pool) throw new Error('there are two pools')
    return pool
  }
  const { url, faults } = await poolNow()
  // Each pool has a certificate of its own.
  const probe = await xapiProvider.probe(url, ports)
  const fingerprint = probe.secure ? probe.fingerprint : ''
  const spec = { ...specOf(await mortal.now), fingerprint, id: ConnectionId.parse(`pool${index + 1}`), address: url }
  const connect = (): Promise<Xapi> =>
    Xapi.connect({ url, username: 'root', password: 'nixen', tls: { kind: 'pin', fingerprint } })
  let xapi = await connect()
  return {
    spec,
    truth: () => xapiTruth(xapi, spec.id),
    failCall(skip) {
      const rule = faults.add({ ...calls, skip, count: 1, error: ['INTERNAL_ERROR', 'injected'] })
      return {
        get struck() {
          return rule.used > 0
        },
        remove: () => rule.remove(),
      }
    },
    dieAt(skip, { after }) {
      // Before it is done it waits for ever; it ends with the toolstack.
      const rule = faults.add({ ...calls, skip, count: 1, ...(after ? { lost: true } : { delay: 2 ** 31 - 1 }) })
      const over = new AbortController()
      const watching = (async () => {
        while (!over.signal.aborted) {
          if (rule.used > 0) {
            await xapi[Symbol.asyncDispose]()
            await mortal.restart()
            xapi = await connect()
            return
          }
          await systemClock.sleep(10)
        }
      })()
      return {
        get struck() {
          return rule.used > 0
        },
        async back() {
          over.abort()
          rule.remove()
          await watching
        },
      }
    },
    slow: (ms) => faults.setDelays(ms === 0 ? {} : { all: ms }),
    close: () => xapi[Symbol.asyncDispose](),
  }
}

/** Waiting for tasks, and what the pool does by itself, do not count. */
const calls = { method: '*', except: ['event', 'task', 'session'] } as const

describe('xapi on a toolstack', () => {
  const cases = actingConformance(long ? {} : { places: 3, deaths: 1 })
  test.each(cases.map((rule) => [rule.name, rule] as const))(
    '%s',
    async (_, rule) => {
      await expect(rule.run(toolstackTarget)).resolves.toBeUndefined()
    },
    long ? 600_000 : 60_000,
  )
})
