import type { Duplex } from 'node:stream'
import type { ConsoleKind, ConsoleProtocol, ResourceId } from '@nixen/api'

/** What has a console. */
export type ConsoleOwner = ResourceId<'vm'> | ResourceId<'host'>

export interface ConsoleOptions {
  readonly kind: ConsoleKind
  /** Ends finding and opening it; a console that is open is ended by destroying its bytes. */
  readonly signal?: AbortSignal | undefined
}

/** A console that is open. */
export interface ConsoleStream {
  readonly protocol: ConsoleProtocol
  /** Both directions, with back-pressure. Ends when the host ends it; destroying it leaves. */
  readonly bytes: Duplex
}

/** A picture of a screen. */
export interface Screenshot {
  readonly type: 'image/jpeg' | 'image/png'
  readonly bytes: Uint8Array
}

/** The consoles of the VMs and hosts of a connection. */
export interface ProviderConsoles {
  /** Whether there is one, and what its bytes are, without opening it. @throws console.none with the reason, TYPE.not_found, connection.* */
  find(id: ConsoleOwner, options: ConsoleOptions): Promise<ConsoleProtocol>
  /**
   * Opens a console; each call has its own connection.
   *
   * @throws console.none, console.in_use, console.not_shown, TYPE.not_found, connection.*, the signal's reason
   */
  open(id: ConsoleOwner, options: ConsoleOptions): Promise<ConsoleStream>
  /** What the screen of a VM shows now. @throws console.not_shown, vm.not_found, connection.*, the signal's reason */
  screenshot(id: ResourceId<'vm'>, options: Pick<ConsoleOptions, 'signal'>): Promise<Screenshot>
}
