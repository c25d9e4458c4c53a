import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Random } from '@nixen/core'
import type { Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { xapiTruth, type ConformanceTarget } from '../src/conformance/index.ts'
import { xapiProvider } from '../src/index.ts'
import { quickToolstack, specOf } from './connect.ts'
import { any, disturb, isMachine, pick } from './disturb.ts'

/** A toolstack with a directory, so that it can go away and come back with what it had. */
export async function toolstackTarget({ hosts = 3, vms = 30 } = {}): Promise<ConformanceTarget> {
  const dataDir = await mkdtemp(join(tmpdir(), 'nixen-providers-'))
  let toolstack = await quickToolstack({ hosts, vms, dataDir })
  let xapi = await connect(toolstack)
  const { port } = toolstack
  const stop = async (): Promise<void> => {
    await xapi[Symbol.asyncDispose]()
    await toolstack[Symbol.asyncDispose]()
  }
  return {
    provider: xapiProvider,
    spec: specOf(toolstack),
    truth: () => xapiTruth(xapi, 'test'),
    disturb: (random) => disturb(xapi, random),
    interrupt: (random) => interrupt(toolstack, random),
    async longName() {
      const [vm] = await any(xapi, 'VM', () => 0, isMachine)
      const name = 'ü'.repeat(100_000)
      await xapi.client.VM.set_name_label(vm, name)
      return name
    },
    stop,
    async start() {
      toolstack = await quickToolstack({ hosts, vms, dataDir, port })
      xapi = await connect(toolstack)
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export function connect({ url, fingerprint }: Toolstack): Promise<Xapi> {
  const tls = fingerprint === undefined ? {} : { tls: { kind: 'pin', fingerprint } as const }
  return Xapi.connect({ url, username: 'root', password: 'nixen', ...tls })
}

/** What a host does to those who read its events, now and then. */
function interrupt(toolstack: Toolstack, random: Random): Promise<void> {
  const faults = [
    ['SESSION_INVALID', 'OpaqueRef:gone'],
    ['EVENT_FROM_TOKEN_PARSE_FAILURE', 'gone'],
    ['EVENTS_LOST'],
    ['INTERNAL_ERROR', 'broken'],
    ['HOST_STILL_BOOTING'],
  ] as const
  const error = pick(random, faults)
  toolstack.pools[0]?.faults.add({ method: 'event.from', count: 1, error })
  return Promise.resolve()
}
