/** What the console uses of noVNC, which has no types of its own (docs/API.md of the package). */
declare module '@novnc/novnc' {
  export interface RfbEvents {
    readonly connect: CustomEvent<undefined>
    readonly disconnect: CustomEvent<{ readonly clean: boolean }>
    readonly desktopname: CustomEvent<{ readonly name: string }>
  }
  // The library exports it so.
  // oxlint-disable-next-line import/no-default-export
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: WebSocket, options?: { readonly shared?: boolean })
    background: string
    clipViewport: boolean
    scaleViewport: boolean
    viewOnly: boolean
    qualityLevel: number
    compressionLevel: number
    focusOnClick: boolean
    disconnect(): void
    focus(options?: FocusOptions): void
    sendKey(keysym: number, code: string | null, down?: boolean): void
    sendCtrlAltDel(): void
    toBlob(done: (blob: Blob | null) => void, type?: string): void
    addEventListener<K extends keyof RfbEvents>(type: K, listener: (event: RfbEvents[K]) => void): void
  }
}

declare module '*.css'
