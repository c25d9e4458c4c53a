import { useCallback, useEffect, useRef, useState } from 'react'
import type { ConsoleEnd } from '@nixen/api'
import { errorText } from '../ui/error-text.ts'
import { endOf, openLink, pauseAfter, type ConsoleKind, type ConsoleOf } from './link.ts'

/** How a console stands. `retryAt` is when it is opened again by itself, in epoch milliseconds. */
export type ConsoleState =
  | { readonly kind: 'off' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'open' }
  | { readonly kind: 'ended'; readonly end: ConsoleEnd | 'lost'; readonly retryAt: number | undefined }
  | { readonly kind: 'refused'; readonly message: string }

export interface ConsoleOptions {
  readonly of: ConsoleOf
  readonly kind: ConsoleKind
  readonly viewOnly: boolean
  /** Nothing is opened while it is not. */
  readonly isOn: boolean
  /** Shows what comes through the socket; gives back what takes that away. Calls `onOpen` when something is to be seen. */
  readonly attach: (socket: WebSocket, onOpen: () => void) => () => void
}

/** Opens a console and keeps it open: what breaks off is opened again, with growing pauses. */
export function useConsole({ of, kind, viewOnly, isOn, attach }: ConsoleOptions): {
  readonly state: ConsoleState
  readonly reopen: () => void
} {
  const [state, setState] = useState<ConsoleState>({ kind: 'off' })
  const [round, setRound] = useState(0)
  const attempts = useRef(0)
  const { type, id } = of
  useEffect(() => {
    if (!isOn) {
      setState({ kind: 'off' })
      return
    }
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let detach: (() => void) | undefined
    const begin = async (): Promise<void> => {
      setState({ kind: 'opening' })
      // One of the two, as they were given together.
      const socket = await openLink({ type, id } as ConsoleOf, { kind, viewOnly }, stop.signal)
      socket.addEventListener('close', ({ code }) => {
        if (stop.signal.aborted) return
        const end = endOf(code)
        const pause = pauseAfter(end, attempts.current)
        attempts.current += 1
        if (pause !== undefined) timer = setTimeout(() => setRound((before) => before + 1), pause)
        setState({ kind: 'ended', end, retryAt: pause === undefined ? undefined : Date.now() + pause })
      })
      detach = attach(socket, () => {
        attempts.current = 0
        setState({ kind: 'open' })
      })
    }
    begin().catch((error: unknown) => {
      if (!stop.signal.aborted) setState({ kind: 'refused', message: errorText(error) })
    })
    return () => {
      stop.abort()
      clearTimeout(timer)
      detach?.()
    }
  }, [type, id, kind, viewOnly, isOn, attach, round])
  const reopen = useCallback(() => {
    attempts.current = 0
    setRound((before) => before + 1)
  }, [])
  return { state, reopen }
}
