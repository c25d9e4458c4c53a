import type RFB from '@novnc/novnc'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { common } from '../i18n/common.ts'
import { consoleText as t } from '../i18n/console.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { AreaField, SelectField } from '../ui/field.tsx'
import { Bar } from '../ui/meter.tsx'
import { Notice } from '../ui/notice.tsx'
import { modifiers } from './keys.ts'
import { layoutNames, strokesOf, type LayoutName, type Stroke } from './layouts.ts'

const most = 20_000
const rates = [10, 30, 100] as const
const key = 'nixen.console.layout'

/** Presses and releases one key with what it needs held. */
function type(rfb: RFB, { keysym, code, shift, altGr }: Stroke): void {
  const held = [...(shift ? [modifiers.Shift] : []), ...(altGr ? [modifiers.AltGr] : [])]
  for (const one of held) rfb.sendKey(one.keysym, one.code, true)
  rfb.sendKey(keysym, code, true)
  rfb.sendKey(keysym, code, false)
  for (const one of held.toReversed()) rfb.sendKey(one.keysym, one.code, false)
}

function keptLayout(): LayoutName {
  try {
    const kept = localStorage.getItem(key)
    return layoutNames.find((one) => one === kept) ?? 'us'
  } catch {
    return 'us'
  }
}

/** Types a text into the guest, with the keyboard that it is set to, at a rate that it can follow. */
export function PasteDialog({ rfb, onClose }: { readonly rfb: RFB; readonly onClose: () => void }): ReactNode {
  const [text, setText] = useState('')
  const [layout, setLayout] = useState(keptLayout)
  const [rate, setRate] = useState<number>(30)
  const [done, setDone] = useState<number>()
  const timer = useRef<ReturnType<typeof setInterval>>(undefined)
  useEffect(() => () => clearInterval(timer.current), [])
  const { strokes, missing } = strokesOf(text.slice(0, most), layout)
  const begin = (): void => {
    let at = 0
    setDone(0)
    timer.current = setInterval(() => {
      const stroke = strokes[at]
      if (!stroke) {
        clearInterval(timer.current)
        onClose()
        rfb.focus()
        return
      }
      type(rfb, stroke)
      at += 1
      setDone(at)
    }, 1000 / rate)
  }
  const choose = (next: LayoutName): void => {
    setLayout(next)
    try {
      localStorage.setItem(key, next)
    } catch {
      // Without storage it is asked for again.
    }
  }
  return (
    <Dialog title={t.paste} onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (done === undefined && strokes.length > 0 && text.length <= most) begin()
        }}
      >
        <p className="text-muted">{t.pasteHelp}</p>
        <AreaField
          label={t.text}
          autoFocus
          rows={6}
          spellCheck={false}
          className="font-mono text-xs"
          disabled={done !== undefined}
          error={text.length > most ? t.tooLong({ most }) : undefined}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
        <div className="grid grid-cols-2 gap-4">
          <SelectField
            label={t.layout}
            value={layout}
            disabled={done !== undefined}
            onChange={({ target }) => choose(layoutNames.find((one) => one === target.value) ?? 'us')}
          >
            {layoutNames.map((one) => (
              <option key={one} value={one}>
                {t.layouts[one]}
              </option>
            ))}
          </SelectField>
          <SelectField
            label={t.rate}
            value={rate}
            disabled={done !== undefined}
            onChange={({ target }) => setRate(Number(target.value))}
          >
            {rates.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </SelectField>
        </div>
        {missing !== '' && <Notice tone="warn">{t.cannotType({ letters: missing.slice(0, 40) })}</Notice>}
        {done !== undefined && (
          <div role="status" className="flex items-center gap-3">
            <Bar part={strokes.length === 0 ? 1 : done / strokes.length} label={t.type} tone="bg-solid" />
            <span className="shrink-0">{t.typing({ done, all: strokes.length })}</span>
          </div>
        )}
        <DialogButtons>
          <Button onClick={onClose}>{done === undefined ? common.cancel : t.stop}</Button>
          {done === undefined && (
            <Button type="submit" look="solid">
              {t.type}
            </Button>
          )}
        </DialogButtons>
      </form>
    </Dialog>
  )
}
