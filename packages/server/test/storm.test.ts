import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client, type ConnectionId, type InventorySnapshot } from '@nixen/api'
import { seededRandom, systemClock, type Random } from '@nixen/core'
import { differences, xapiTruth } from '@nixen/providers/conformance'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { expect, test } from 'vitest'
import { any, disturb, pick } from '../../providers/test/disturb.ts'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'

// NIXEN_SEED chooses another storm; NIXEN_LONG_TESTS=1 makes a longer one.
const seed = Number(process.env['NIXEN_SEED'] ?? 1)
const rounds = process.env['NIXEN_LONG_TESTS'] ? 60 : 6
const changesOfRound = 12

/** A pool that goes away and comes back with what it had. */
class Storm implements AsyncDisposable {
  readonly #dataDir: string
  #port = 0
  toolstack!: Toolstack

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  static async start(): Promise<Storm> {
    const storm = new Storm(await mkdtemp(join(tmpdir(), 'nixen-storm-')))
    await storm.comeBack()
    return storm
  }

  get pool(): Toolstack['pools'][number] {
    const [pool] = this.toolstack.pools
    if (!pool) throw new TypeError('There is a pool')
    return pool
  }

  async goAway(): Promise<void> {
    await this.toolstack[Symbol.asyncDispose]()
  }

  async comeBack(): Promise<void> {
    const shape = { hosts: 3, vms: 15, seed: 7 }
    const quick = { waits: false, loginDelay: false, conflictWait: 300 }
    this.toolstack = await startToolstack({ ...shape, ...quick, dataDir: this.#dataDir, port: this.#port })
    this.#port = this.toolstack.port
  }

  /** Somebody else's session: follows the master by itself. */
  async asRoot<T>(work: (xapi: Xapi) => Promise<T>): Promise<T> {
    const { url, fingerprint = '' } = this.toolstack
    const members = this.pool.addresses.map((address) => ({ url: `https://${address}:${this.#port}` }))
    const [first = { url }] = members
    await using xapi = await Xapi.connect({
      url: first.url,
      username: 'root',
      password: 'nixen',
      tls: { kind: 'pin', fingerprint },
    })
    return await work(xapi)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.goAway()
    await rm(this.#dataDir, { recursive: true, force: true })
  }
}

/** What a pool does to those who read it; given the calls of one round. */
type Fault = (storm: Storm, random: Random) => Promise<void>
const answers = [
  ['SESSION_INVALID', 'OpaqueRef:gone'],
  ['EVENT_FROM_TOKEN_PARSE_FAILURE', 'gone'],
  ['EVENTS_LOST'],
  ['INTERNAL_ERROR', 'broken'],
  ['HOST_STILL_BOOTING'],
] as const

const faults: readonly Fault[] = [
  // A member that is no master, and the session of a reader that expired.
  async ({ pool }, random) => {
    pool.faults.add({ method: 'event.from', count: 2, error: pick(random, answers) })
    pool.faults.add({ method: 'event.from', count: 1, error: ['SESSION_INVALID', 'OpaqueRef:gone'] })
  },
  async ({ pool }) => {
    pool.faults.add({ method: 'event.from', count: 2, error: ['HOST_IS_SLAVE', pool.addresses[0] ?? ''] })
  },
  // Answers that take long, while others come at once.
  async ({ pool }) => {
    pool.faults.add({ method: 'event.from', count: 3, delay: 700 })
  },
  // Another master.
  async (storm, random) => {
    await storm.asRoot(async (xapi) => {
      const [host] = await any(xapi, 'host', random)
      await xapi.client.host.enable(host)
      await xapi.client.pool.designate_new_master(host)
    })
  },
  // The pool goes away in the middle of everything.
  async (storm) => {
    await storm.goAway()
    await systemClock.sleep(300)
    await storm.comeBack()
  },
  // A member loses power; all of them come back with the pool.
  async (storm, random) => {
    const [, { uuid }] = await storm.asRoot(async (xapi) => await any(xapi, 'host', random))
    await storm.pool.killHost(uuid)
    await systemClock.sleep(300)
    await storm.goAway()
    await storm.comeBack()
  },
]

async function oneRound(storm: Storm, round: number, random: Random): Promise<void> {
  const fault = faults[round % faults.length]
  await storm.asRoot(async (xapi) => {
    for (let n = 0; n < changesOfRound; n++) await disturb(xapi, random)
  })
  await fault?.(storm, random)
  await storm.asRoot(async (xapi) => {
    for (let n = 0; n < changesOfRound; n++) await disturb(xapi, random)
  })
}

/** Objects of the contract by id, as the conformance suite compares them. */
type Objects = Parameters<typeof differences>[0]
/** Objects by id. */
type Picture = Map<string, Record<string, unknown>>

function pictureOf({ objects }: InventorySnapshot): Picture {
  const lists: readonly (readonly { readonly id: string }[])[] = Object.values(objects)
  return new Map(lists.flat().map((object) => [object.id, { ...object }]))
}

/** Rebuilds the inventory from a snapshot and deltas, as a console does. */
class Follower implements AsyncDisposable {
  picture: Picture = new Map()
  readonly resets: string[] = []
  /** Deltas whose number is not the next one. */
  readonly gaps: string[] = []
  hellos = 0
  #seq = 0
  readonly #stop = new AbortController()
  #done: Promise<void> = Promise.resolve()

  static async start(client: Client): Promise<Follower> {
    const follower = new Follower()
    const snapshot = await client.inventory.snapshot()
    follower.picture = pictureOf(snapshot)
    follower.#seq = snapshot.seq
    follower.#done = follower.#follow(client, `${snapshot.view}.${snapshot.seq}`)
    return follower
  }

  async #follow(client: Client, since: string): Promise<void> {
    const { signal } = this.#stop
    try {
      for await (const { event, data } of client.inventory.events({ since }, { signal })) {
        if (event === 'hello') this.hellos++
        if (event === 'reset') this.resets.push(data.reason)
        if (event === 'deltas') for (const delta of data) this.#apply(delta)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #apply({ seq, id, set, unset = [], gone }: Delta): void {
    if (seq !== this.#seq + 1) this.gaps.push(`${seq} after ${this.#seq}`)
    this.#seq = seq
    if (gone) {
      if (!this.picture.delete(id)) this.gaps.push(`${id} went and was never there`)
      return
    }
    const next = { ...this.picture.get(id), ...set }
    for (const key of unset) delete next[key]
    this.picture.set(id, next)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#done
  }
}

interface Delta {
  readonly seq: number
  readonly id: string
  readonly set?: object | undefined
  readonly unset?: readonly string[] | undefined
  readonly gone?: true | undefined
}

/** A client whose event streams break off after every few pieces: it goes on by Last-Event-ID. */
function shaky(tab: Browser, url: string, pieces: number): Client {
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await tab.fetch(input, init)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
    let left = pieces
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform: (piece, controller) => {
        controller.enqueue(piece)
        if (--left === 0) controller.error(new TypeError('cut'))
      },
    })
    return new Response(response.body?.pipeThrough(cut) ?? null, response)
  }
  return createClient({ baseUrl: url, fetch })
}

/** What of a picture came from a connection, without what Nixen itself adds to it: how its VMs are protected. */
function ofConnection(picture: Picture, connection: ConnectionId): Objects {
  const own = [...picture]
    .filter(([id, object]) => object['connection'] === connection && id !== connection)
    .map(([id, { protection: _ours, ...object }]) => [id, object] as const)
  // Objects of the contract, by their ids.
  return new Map(own) as unknown as Objects
}

/**
 * Waits until each picture is the truth. The 5 s are counted by pauses of 50 ms, not by the clock: how long this process takes to
 * ask the pool for everything, or stands still for others, is not time that the server has.
 */
async function untilTrue(
  pictures: Readonly<Record<string, () => Promise<Objects>>>,
  truth: () => Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>>,
): Promise<void> {
  let wrong: string[] = []
  for (let pause = 0; pause < 100; pause++) {
    const wanted = await truth()
    wrong = []
    for (const [name, picture] of Object.entries(pictures)) {
      wrong.push(...differences(await picture(), wanted).map((text) => `${name}: ${text}`))
    }
    if (wrong.length === 0) return
    await systemClock.sleep(50)
  }
  throw new Error(`Not the truth after 5 s:\n${wrong.slice(0, 12).join('\n')}`)
}

test(
  `after ${rounds} rounds of changes and faults everybody sees the truth, field by field (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    await using state = await temporaryState()
    await using storm = await Storm.start()
    await using server = await testServer(state.path)
    const tab = await signUp(server)
    const { client } = tab
    const { url: address, fingerprint } = storm.toolstack
    const added = await client.connection.add({ kind: 'xapi', address, password: 'nixen', fingerprint })
    const { id } = await eventually(async () => {
      const now = await client.connection.get({ id: added.id })
      return now.state === 'connected' ? now : undefined
    })
    await using steady = await Follower.start(client)
    await using resumed = await Follower.start(shaky(tab, server.url, 4))
    const pictures = {
      'GET /inventory': async () => ofConnection(pictureOf(await client.inventory.snapshot()), id),
      follower: async () => ofConnection(steady.picture, id),
      'resumed follower': async () => ofConnection(resumed.picture, id),
    }
    const truth = async () => await storm.asRoot(async (xapi) => await xapiTruth(xapi, id))
    await untilTrue(pictures, truth)
    for (let round = 0; round < rounds; round++) {
      await oneRound(storm, round, random)
      await untilTrue(pictures, truth).catch(async (error: unknown) => {
        const { state: now, error: why } = await client.connection.get({ id })
        throw new Error(`Round ${round}; the connection is ${now}: ${why?.message}`, { cause: error })
      })
    }
    expect({ resets: [...steady.resets, ...resumed.resets], gaps: [...steady.gaps, ...resumed.gaps] }).toEqual({
      resets: [],
      gaps: [],
    })
    expect(resumed.hellos).toBeGreaterThan(1)
    expect(steady.hellos).toBe(1)
  },
  60_000 + rounds * 10_000,
)
