import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { Download } from 'lucide-react'
import { useCallback, useRef, useState, type ReactNode } from 'react'
import { consoleText as t } from '../i18n/console.ts'
import { IconButton } from '../ui/button.tsx'
import { saveFile } from '../ui/save-file.ts'
import { ConsoleNotice } from './console-notice.tsx'
import type { ConsoleOf } from './link.ts'
import { useConsole } from './use-console.ts'

/** Height of a line of the terminal, pixels: 14 px letters, as xterm draws them. */
const lineHeight = 17

/** The serial console of a VM: a terminal with what was shown before, to search and save. */
export function Serial({
  of,
  name,
  isOn,
}: {
  readonly of: ConsoleOf
  readonly name: string
  readonly isOn: boolean
}): ReactNode {
  const place = useRef<HTMLDivElement>(null)
  const terminal = useRef<Terminal>(undefined)
  const [wanted, setWanted] = useState('')
  const [isMissing, setMissing] = useState(false)
  const attach = useCallback((socket: WebSocket, onOpen: () => void) => {
    if (!place.current) return () => socket.close(1000)
    const rows = Math.max(10, Math.floor((place.current.clientHeight - 8) / lineHeight))
    // Serial lines have no size of their own; guests take them for 80 columns.
    const made = new Terminal({ cols: 80, rows, scrollback: 10_000, screenReaderMode: true, cursorBlink: false })
    terminal.current?.dispose()
    terminal.current = made
    made.open(place.current)
    const encoder = new TextEncoder()
    made.onData((data) => socket.readyState === WebSocket.OPEN && socket.send(encoder.encode(data)))
    made.onBinary((data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(Uint8Array.from(data, (letter) => letter.charCodeAt(0)))
    })
    socket.addEventListener('open', () => {
      onOpen()
      made.focus()
    })
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) made.write(new Uint8Array(data))
    })
    // What was shown stays to be read when the console ends.
    return () => socket.close(1000)
  }, [])
  const { state, reopen } = useConsole({ of, kind: 'text', viewOnly: false, isOn, attach })
  const find = (): void => {
    const shown = terminal.current
    if (shown && wanted !== '') setMissing(!select(shown, wanted))
  }
  const save = (): void => {
    if (terminal.current) saveFile(new Blob([textOf(terminal.current)], { type: 'text/plain' }), `${name}.txt`)
  }
  return (
    <div className="in-the-dark flex min-h-0 flex-1 flex-col">
      <div
        role="toolbar"
        aria-label={t.serial}
        className="bg-panel text-ink border-line flex items-center gap-2 border-b p-1"
      >
        <form
          role="search"
          className="flex min-w-0 flex-1 items-center gap-2"
          onSubmit={(event) => {
            event.preventDefault()
            find()
          }}
        >
          <input
            type="search"
            aria-label={t.find}
            placeholder={t.find}
            value={wanted}
            onChange={({ target }) => setWanted(target.value)}
            className="border-edge min-h-8 w-full max-w-64 rounded-md border bg-transparent px-2"
          />
          <span role="status" className="text-warn text-xs">
            {isMissing ? t.notFound : ''}
          </span>
        </form>
        <IconButton label={t.saveLog} onClick={save} icon={<Download size={16} aria-hidden />} />
      </div>
      <div className="relative min-h-0 flex-1 overflow-auto p-1">
        <div ref={place} className="h-full" />
        <ConsoleNotice state={state} reopen={reopen} />
      </div>
    </div>
  )
}

function textOf({ buffer }: Terminal): string {
  const lines = Array.from({ length: buffer.active.length }, (_, at) =>
    buffer.active.getLine(at)?.translateToString(true),
  )
  return `${lines.join('\n').trimEnd()}\n`
}

/** Marks the next place of a text, upwards from the one that is marked; `false` when there is none. */
function select(terminal: Terminal, wanted: string): boolean {
  const { active } = terminal.buffer
  const from = terminal.getSelectionPosition()?.start.y ?? active.length
  for (let step = 1; step <= active.length; step++) {
    const row = (from - step + active.length * 2) % active.length
    const column = active.getLine(row)?.translateToString(true).toLowerCase().indexOf(wanted.toLowerCase()) ?? -1
    if (column < 0) continue
    terminal.select(column, row, wanted.length)
    terminal.scrollToLine(Math.max(0, row - 5))
    return true
  }
  return false
}
