import { messageOf, type Log } from '@nixen/core'
import { rename } from 'node:fs/promises'
import { basename } from 'node:path'
import { planCoalesce, type CoalescePolicy, type CoalesceStep } from './coalesce-plan.ts'
import { removeDurable, syncDirectory } from './durable.ts'
import { Image } from './image.ts'
import { journaled } from './journal.ts'
import { blockSize, type Layer } from './layer.ts'
import { mergeBlock } from './merge.ts'

export interface CoalescerPorts {
  readonly images: Map<string, Image>
  readonly directory: string
  readonly policy: CoalescePolicy
  readonly log: Log
  readonly delay: number | undefined
  /** Runs a change of the tree, one after the other. */
  readonly tree: <T>(work: () => Promise<T>) => Promise<T>
  /** Runs `work` while no I/O passes. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
  /** Gives open disks their new chains. */
  readonly rebind: () => Promise<void>
  readonly changed: (uuids: readonly string[], removed: readonly string[]) => void
}

/** While a disk is written faster than its blocks are merged, the last ones are merged with the disk held. */
const mostPasses = 10
/** Blocks that may be left for when the disk is held: 20 MiB. */
const fewBlocks = 10

/** Makes the tree smaller in the background: what nobody needs goes, chains get shorter. */
export class Coalescer {
  readonly #ports: CoalescerPorts
  readonly #buffer = new Uint8Array(blockSize)
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(ports: CoalescerPorts) {
    this.#ports = ports
  }

  /** Something changed: looks at the tree after a while. */
  kick(): void {
    this.#again = true
    if (this.#stopped || this.#timer || this.#running || this.#ports.delay === undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#start()
    }, this.#ports.delay)
    this.#timer.unref()
  }

  /** Works now, until nothing is left to do. */
  async settle(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#running
    this.#start()
    await this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#again) this.kick()
    })
  }

  async #run(): Promise<void> {
    this.#again = false
    const { images, policy, log } = this.#ports
    // A step that fails is not tried again before something changes.
    const failed = new Set<Image>()
    while (!this.#stopped) {
      const step = planCoalesce(
        [...images.values()].filter((image) => !failed.has(image)),
        policy,
      )
      if (!step) return
      try {
        if (!(await this.#do(step))) failed.add(step.image)
      } catch (error) {
        failed.add(step.image)
        log.warn('coalescing failed', { kind: step.kind, image: step.image.uuid, error: messageOf(error) })
      }
    }
  }

  async #do(step: CoalesceStep): Promise<boolean> {
    switch (step.kind) {
      case 'delete':
        return await this.#ports.tree(() => this.#delete(step.image))
      case 'merge':
        return await this.#merged(step, () => this.#merge(step))
      case 'leaf':
        return await this.#merged(step, () => this.#leaf(step))
    }
  }

  /** `false` when the tree is no longer what the step was planned for. */
  async #delete(image: Image): Promise<boolean> {
    if (image.children.size > 0 || image.inUse || !image.hidden) return false
    await removeDurable(image.path)
    image.setParent(undefined)
    this.#ports.images.delete(image.uuid)
    this.#ports.changed([], [image.uuid])
    return true
  }

  async #merged({ image, parent }: { image: Image; parent: Image }, work: () => Promise<boolean>): Promise<boolean> {
    const isStill = await this.#ports.tree(async () => {
      if (!this.#isStill(image, parent)) return false
      // From here on no other image comes to stand on the parent.
      parent.merging = true
      image.merging = true
      return true
    })
    try {
      return isStill && (await work())
    } finally {
      parent.merging = false
      image.merging = false
    }
  }

  #isStill(image: Image, parent: Image): boolean {
    const { images } = this.#ports
    return images.get(image.uuid) === image && image.parent === parent && parent.children.size === 1 && parent.hidden
  }

  /** Nothing changes for the children: what they see of the image it still shows, and the parent is seen through it only. */
  async #merge({ image, parent }: { image: Image; parent: Image }): Promise<boolean> {
    const { directory, tree, alone, rebind, images, changed } = this.#ports
    const done = await image.use((from) => parent.use((into) => this.#copyAll(image, from, into)))
    if (!done) return false
    return await tree(async () => {
      if (!this.#isStill(image, parent)) return false
      const children = [...image.children]
      const id = await parent.use(async (layer) => layer.uuid)
      await alone(async () => {
        await journaled(directory, { kind: 'coalesce', image: image.uuid, parent: parent.uuid }, async () => {
          for (const child of children) {
            await child.use((layer) => layer.setParent({ name: basename(parent.path), uuid: id }))
          }
          await removeDurable(image.path)
        })
        for (const child of children) child.setParent(parent)
        image.setParent(undefined)
        images.delete(image.uuid)
        await rebind()
      })
      changed([...children.map(({ uuid }) => uuid), parent.uuid], [image.uuid])
      return true
    })
  }

  /** Grows the parent if needed and copies all blocks; `false` when it was stopped. */
  async #copyAll(image: Image, from: Layer, into: Layer): Promise<boolean> {
    if (from.size > into.size) {
      await into.grow(from.size)
      if (image.parent) image.parent.size = from.size
    }
    for (const block of from.presentBlocks()) {
      if (this.#stopped) return false
      await mergeBlock(from, into, block, this.#buffer)
    }
    await into.sync()
    return true
  }

  /** As above, and then the parent takes the name of the disk. Blocks that are written meanwhile are merged again. */
  async #leaf({ image, parent }: { image: Image; parent: Image }): Promise<boolean> {
    let dirty = new Set<number>()
    image.onWrite = (block) => void dirty.add(block)
    try {
      return await image.use((from) =>
        parent.use(async (into) => {
          if (!(await this.#copyAll(image, from, into))) return false
          for (let pass = 0; dirty.size > fewBlocks && pass < mostPasses; pass++) {
            const blocks = dirty
            dirty = new Set()
            for (const block of blocks) await mergeBlock(from, into, block, this.#buffer)
          }
          return await this.#ports.tree(() =>
            this.#ports.alone(async () => {
              if (!this.#isStill(image, parent) || image.children.size > 0) return false
              if (from.size > into.size) await into.grow(from.size)
              for (const block of dirty) await mergeBlock(from, into, block, this.#buffer)
              await from.sync()
              await into.sync()
              await this.#swap(image, parent, into)
              return true
            }),
          )
        }),
      )
    } finally {
      image.onWrite = undefined
    }
  }

  async #swap(image: Image, parent: Image, into: Layer): Promise<void> {
    const { directory, images, rebind, changed } = this.#ports
    await journaled(directory, { kind: 'leaf', leaf: image.uuid, parent: parent.uuid }, async () => {
      await into.setHidden(false)
      await rename(parent.path, image.path)
      await syncDirectory(directory)
    }).catch(async (error: unknown) => {
      // The file was put back; this is for those who have it open.
      await into.setHidden(true)
      throw error
    })
    const { uuid, format, size, path } = image
    const whole = new Image({ uuid, format, size, hidden: false }, path)
    const below = parent.parent
    image.setParent(undefined)
    parent.setParent(undefined)
    whole.setParent(below)
    images.delete(parent.uuid)
    images.set(uuid, whole)
    await rebind()
    changed([uuid], [parent.uuid])
  }
}
