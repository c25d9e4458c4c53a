import { openQcow2Layer } from '../qcow2/qcow2-layer.ts'
import { VhdFile } from '../vhd/vhd-file.ts'
import { smError } from '../sm-errors.ts'
import type { VdiFormat } from '../storage-port.ts'
import type { Layer } from './layer.ts'
import { openRawLayer } from './raw-layer.ts'

/** What a file of an SR says about itself. */
export interface ImageFacts {
  readonly uuid: string
  readonly format: VdiFormat
  readonly size: number
  /** Only a parent of others, no disk of its own. */
  readonly hidden: boolean
  /** UUID in the parent's file name. */
  readonly parent: string | undefined
}

/** One image of an SR and its place in the tree. */
export class Image {
  readonly uuid: string
  readonly format: VdiFormat
  readonly path: string
  size: number
  hidden: boolean
  parent: Image | undefined
  readonly children = new Set<Image>()
  /** Set while data is merged into or out of this image: its blocks must not get other readers. */
  merging = false
  /** Bytes that the file took when somebody last looked. */
  utilisation = 0
  /** Told of each block that is written, while it is being merged. */
  onWrite: ((block: number) => void) | undefined
  #layer: Promise<Layer> | undefined
  #users = 0

  constructor(facts: Omit<ImageFacts, 'parent'>, path: string, layer?: Layer) {
    this.uuid = facts.uuid
    this.format = facts.format
    this.size = facts.size
    this.hidden = facts.hidden
    this.path = path
    this.#layer = layer && Promise.resolve(layer)
  }

  get inUse(): boolean {
    return this.#users > 0
  }

  /** Opens the file, or shares it with those who have it open. Each call needs a `release`. */
  async acquire(): Promise<Layer> {
    this.#users++
    this.#layer ??= openLayer(this)
    try {
      return await this.#layer
    } catch (error) {
      this.#users--
      this.#layer = undefined
      throw error
    }
  }

  async release(): Promise<void> {
    this.#users--
    if (this.#users > 0 || !this.#layer) return
    const layer = this.#layer
    this.#layer = undefined
    await (await layer)[Symbol.asyncDispose]()
  }

  /** Does `work` with the file open. */
  async use<T>(work: (layer: Layer) => Promise<T>): Promise<T> {
    const layer = await this.acquire()
    try {
      return await work(layer)
    } finally {
      await this.release()
    }
  }

  setParent(parent: Image | undefined): void {
    this.parent?.children.delete(this)
    this.parent = parent
    parent?.children.add(this)
  }

  /** This image and those below it. `SR_BACKEND_FAILURE_65` for a chain that leads back to itself. */
  chain(): Image[] {
    const chain: Image[] = [this]
    for (let image = this.parent; image; image = image.parent) {
      if (chain.includes(image)) throw smError('VDILoad', `The chain of ${this.uuid} leads back to ${image.uuid}`)
      chain.push(image)
    }
    return chain
  }
}

/** Opens an image file by its format. */
export async function openLayer({
  path,
  format,
}: {
  readonly path: string
  readonly format: VdiFormat
}): Promise<Layer> {
  switch (format) {
    case 'vhd':
      return await VhdFile.open(path)
    case 'raw':
      return await openRawLayer(path)
    case 'qcow2':
      return await openQcow2Layer(path)
  }
}
