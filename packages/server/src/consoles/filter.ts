import type { ConsoleProtocol } from '@nixen/api'
import { RfbWatcher } from './rfb-watcher.ts'

/** Says what of a viewer's bytes reaches a console. */
export interface ViewerFilter {
  /** Looks at what the console sends. Gives bytes of the viewer that had to wait for it. */
  fromServer(bytes: Uint8Array): readonly Uint8Array[]
  fromViewer(bytes: Uint8Array): readonly Uint8Array[]
}

const everything: ViewerFilter = { fromServer: () => [], fromViewer: (bytes) => [bytes] }
const nothing: ViewerFilter = { fromServer: () => [], fromViewer: () => [] }

/** All of it, or for somebody who only looks what makes a console show itself: of RFB some messages, of a terminal nothing. */
export function filterFor(protocol: ConsoleProtocol, viewOnly: boolean): ViewerFilter {
  if (!viewOnly) return everything
  return protocol === 'rfb' ? new RfbWatcher() : nothing
}
