import { Semaphore } from '@nixen/core'
import { Libvirt, type LibvirtOptions } from '@nixen/libvirt'

/** Connections for calls that take long. libvirt's daemons answer five calls of a connection at a time. */
const maxLanes = 8

/**
 * The way to a daemon: one connection for events and for what is quick, others for what takes long or carries bulk data, opened when they are
 * needed and kept.
 */
export class Link implements AsyncDisposable {
  /** For events and quick calls. */
  readonly main: Libvirt
  readonly #places = new Semaphore(maxLanes)
  readonly #idle: Libvirt[] = []
  #isClosed = false

  constructor(main: Libvirt) {
    this.main = main
  }

  static async open(options: LibvirtOptions, signal: AbortSignal | undefined): Promise<Link> {
    return new Link(await Libvirt.connect(options, { signal }))
  }

  /** Runs what takes long on a connection that nothing else uses meanwhile. */
  async slow<T>(
    work: (libvirt: Libvirt) => Promise<T>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    using _place = await this.#places.acquire({ signal })
    await using lane = await this.lane(signal)
    return await work(lane.libvirt)
  }

  /** A connection of one's own until it is disposed of. */
  async lane(signal?: AbortSignal): Promise<{ readonly libvirt: Libvirt } & AsyncDisposable> {
    let libvirt = this.#idle.pop()
    while (libvirt && !libvirt.isOpen) libvirt = this.#idle.pop()
    const open = libvirt ?? (await this.main.another({}, { signal }))
    return {
      libvirt: open,
      [Symbol.asyncDispose]: async () => {
        if (open.isOpen && !this.#isClosed && this.#idle.length < maxLanes) this.#idle.push(open)
        else await open[Symbol.asyncDispose]()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all([this.main, ...this.#idle.splice(0)].map(async (one) => await one[Symbol.asyncDispose]()))
  }
}
