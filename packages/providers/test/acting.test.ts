import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConnectionId } from '@nixen/api'
import type { RunningPool, Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { describe, expect, test } from 'vitest'
import { actingConformance, xapiTruth, type ActingEndpoint, type ActingTarget } from '../src/conformance/index.ts'
import { xapiProvider } from '../src/index.ts'
import { ports, quickToolstack, specOf } from './connect.ts'

// NIXEN_LONG_TESTS=1 lets every call fail in turn; otherwise a few of each action.
const long = process.env['NIXEN_LONG_TESTS'] !== undefined

/** Two pools of a toolstack: two hosts and a few VMs each. */
async function toolstackTarget(): Promise<ActingTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-acting-'))
  const toolstack = await quickToolstack({ pools: 2, hosts: 2, vms: 5, dataDir: folder })
  const endpoints = await Promise.all(toolstack.pools.map((pool, index) => endpointOf(toolstack, pool, index)))
  const [first, second] = endpoints
  if (!first || !second) throw new Error('there are two pools')
  return {
    provider: xapiProvider,
    first,
    second,
    folder: '/mnt/files',
    async [Symbol.asyncDispose]() {
      for (const endpoint of endpoints) await endpoint.close()
      await toolstack[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function endpointOf(
  toolstack: Toolstack,
  { url, faults }: RunningPool,
  index: number,
): Promise<ActingEndpoint & { close(): Promise<void> }> {
  // Each pool has a certificate of its own.
  const probe = await xapiProvider.probe(url, ports)
  const fingerprint = probe.secure ? probe.fingerprint : ''
  const spec = { ...specOf(toolstack), fingerprint, id: ConnectionId.parse(`pool${index + 1}`), address: url }
  const xapi = await Xapi.connect({
    url,
    username: 'root',
    password: 'nixen',
    tls: { kind: 'pin', fingerprint },
  })
  return {
    spec,
    truth: () => xapiTruth(xapi, spec.id),
    failCall(skip) {
      const rule = faults.add({
        method: '*',
        // Waiting for tasks, and what the pool does by itself.
        except: ['event', 'task', 'session'],
        skip,
        count: 1,
        error: ['INTERNAL_ERROR', 'injected'],
      })
      return {
        get struck() {
          return rule.used > 0
        },
        remove: () => rule.remove(),
      }
    },
    slow: (ms) => faults.setDelays(ms === 0 ? {} : { all: ms }),
    close: () => xapi[Symbol.asyncDispose](),
  }
}

describe('xapi on a toolstack', () => {
  const cases = actingConformance(long ? {} : { places: 3 })
  test.each(cases.map((rule) => [rule.name, rule] as const))(
    '%s',
    async (_, rule) => {
      await expect(rule.run(toolstackTarget)).resolves.toBeUndefined()
    },
    long ? 600_000 : 60_000,
  )
})
