import RFB from '@novnc/novnc'
import { Camera, ExternalLink, Eye, Keyboard, Maximize, Scaling, TextCursorInput } from 'lucide-react'
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import { consoleText as t } from '../i18n/console.ts'
import { saveFile } from '../ui/save-file.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { Menu } from '../ui/menu.tsx'
import { ConsoleNotice } from './console-notice.tsx'
import { combinations, keysOf, modifiers, type Modifier } from './keys.ts'
import type { ConsoleOf } from './link.ts'
import { PasteDialog } from './paste-dialog.tsx'
import { useConsole } from './use-console.ts'

/** Presses the keys in their order and releases them in the other one. */
function press(rfb: RFB, combination: string): void {
  const keys = keysOf(combination)
  for (const { keysym, code } of keys) rfb.sendKey(keysym, code, true)
  for (const { keysym, code } of keys.toReversed()) rfb.sendKey(keysym, code, false)
  rfb.focus()
}

/** The screen of a VM or host, with its keyboard and pointer. */
export function Screen({
  of,
  name,
  isOn,
  popOut,
}: {
  readonly of: ConsoleOf
  readonly name: string
  readonly isOn: boolean
  /** Address of a window with the console alone; it is such a window when left out. */
  readonly popOut?: string | undefined
}): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const place = useRef<HTMLDivElement>(null)
  const [rfb, setRfb] = useState<RFB>()
  const [fits, setFits] = useState(true)
  const [viewOnly, setViewOnly] = useState(false)
  const [pasting, setPasting] = useState(false)
  const attach = useCallback((socket: WebSocket, onOpen: () => void) => {
    if (!place.current) return () => socket.close(1000)
    const made = new RFB(place.current, socket, { shared: true })
    made.background = '#05070a'
    made.scaleViewport = true
    made.addEventListener('connect', () => {
      setRfb(made)
      onOpen()
      made.focus({ preventScroll: true })
    })
    return () => {
      setRfb(undefined)
      made.disconnect()
    }
  }, [])
  const { state, reopen } = useConsole({ of, kind: 'vnc', viewOnly, isOn, attach })
  useEffect(() => {
    if (!rfb) return
    rfb.scaleViewport = fits
    rfb.viewOnly = viewOnly
  }, [rfb, fits, viewOnly])
  const isOpen = state.kind === 'open' && rfb !== undefined
  const reason = isOpen ? undefined : t.connecting
  return (
    <div ref={frame} className="in-the-dark flex min-h-0 flex-1 flex-col">
      <div
        role="toolbar"
        aria-label={t.console}
        className="bg-panel text-ink border-line flex flex-wrap items-center gap-1 border-b p-1"
      >
        <Menu
          look="quiet"
          reason={reason}
          icon={<Keyboard size={16} aria-hidden />}
          entries={combinations.map((combination) => ({
            id: combination,
            label: combination.replaceAll(' ', ' + '),
            run: () => rfb && press(rfb, combination),
          }))}
        >
          {t.keys}
        </Menu>
        <Button look="quiet" reason={reason} onClick={() => rfb && press(rfb, 'Ctrl Alt Del')}>
          {t.ctrlAltDel}
        </Button>
        {rfb && <HeldKeys rfb={rfb} />}
        <Button
          look="quiet"
          reason={reason}
          icon={<TextCursorInput size={16} aria-hidden />}
          onClick={() => setPasting(true)}
        >
          {t.paste}
        </Button>
        <span className="ml-auto flex flex-wrap items-center gap-1">
          <IconButton
            label={t.viewOnly}
            aria-pressed={viewOnly}
            className={viewOnly ? 'bg-chosen' : ''}
            onClick={() => setViewOnly(!viewOnly)}
            icon={<Eye size={16} aria-hidden />}
          />
          <IconButton
            label={fits ? t.exact : t.fit}
            onClick={() => setFits(!fits)}
            icon={<Scaling size={16} aria-hidden />}
          />
          <IconButton
            label={t.screenshot}
            reason={reason}
            onClick={() => rfb?.toBlob((blob) => blob && saveFile(blob, `${name}.png`), 'image/png')}
            icon={<Camera size={16} aria-hidden />}
          />
          {popOut !== undefined && (
            <IconButton
              label={t.popOut}
              onClick={() => open(popOut, '_blank', 'popup,width=1060,height=840')}
              icon={<ExternalLink size={16} aria-hidden />}
            />
          )}
          <IconButton
            label={t.fullscreen}
            onClick={() => {
              // A browser that refuses shows it as it is.
              const done = document.fullscreenElement ? document.exitFullscreen() : frame.current?.requestFullscreen()
              done?.catch(() => undefined)
            }}
            icon={<Maximize size={16} aria-hidden />}
          />
        </span>
      </div>
      <div className="relative min-h-0 flex-1 overflow-auto">
        <div ref={place} className="absolute inset-0" />
        <ConsoleNotice state={state} reopen={reopen} />
      </div>
      {pasting && rfb && <PasteDialog rfb={rfb} onClose={() => setPasting(false)} />}
    </div>
  )
}

/** Keys that stay pressed, for touch screens and for what the desktop would catch. */
function HeldKeys({ rfb }: { readonly rfb: RFB }): ReactNode {
  const [held, setHeld] = useState<readonly Modifier[]>([])
  const offered = ['Ctrl', 'Alt', 'Shift', 'Super'] as const
  return (
    <span className="flex max-sm:hidden">
      {offered.map((name) => {
        const isHeld = held.includes(name)
        return (
          <Button
            key={name}
            look="quiet"
            aria-pressed={isHeld}
            title={t.hold({ key: name })}
            className={isHeld ? 'bg-chosen px-2' : 'px-2'}
            onClick={() => {
              const { keysym, code } = modifiers[name]
              rfb.sendKey(keysym, code, !isHeld)
              setHeld(isHeld ? held.filter((other) => other !== name) : [...held, name])
              rfb.focus()
            }}
          >
            {name}
          </Button>
        )
      })}
    </span>
  )
}
