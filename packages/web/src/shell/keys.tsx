import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState, type ReactNode } from 'react'
import { shell as t } from '../i18n/shell.ts'
import { Dialog } from '../ui/dialog.tsx'

/** Letters that follow a `g`: where they lead. */
const places = {
  o: { to: '/', label: t.overview },
  v: { to: '/vms', label: t.vms },
  h: { to: '/hosts', label: t.hosts },
  s: { to: '/storages', label: t.storages },
  n: { to: '/networks', label: t.networks },
  j: { to: '/jobs', label: t.jobs },
  c: { to: '/calendar', label: t.calendar },
  r: { to: '/points', label: t.points },
  t: { to: '/tasks', label: t.tasks },
} as const

/** How long a `g` waits for the letter after it, in milliseconds. */
const patience = 1500

/** Whether keys belong to what has the focus: fields, dialogs, consoles. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false
  return target.closest('input, textarea, select, dialog, canvas, [role=menu], .xterm, [contenteditable]') !== null
}

/** Single keys: `?` for help, `/` for the filter of the list, `g` and a letter for the areas. */
export function Keys(): ReactNode {
  const [isOpen, setOpen] = useState(false)
  const navigate = useNavigate()
  useEffect(() => {
    let begun = Number.NEGATIVE_INFINITY
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const place = Object.entries(places).find(([letter]) => letter === event.key)?.[1]
      if (place && event.timeStamp - begun < patience) void navigate({ to: place.to })
      else if (event.key === '?') setOpen(true)
      else if (event.key === '/') document.querySelector<HTMLElement>('#page [role=combobox]')?.focus()
      else {
        // A grid or tree takes letters for itself; `g` is only begun beside them.
        begun = event.key === 'g' ? event.timeStamp : Number.NEGATIVE_INFINITY
        return
      }
      begun = Number.NEGATIVE_INFINITY
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [navigate])
  if (!isOpen) return null
  const lines: readonly (readonly [keys: string, does: string])[] = [
    [t.searchKey, t.keyPalette],
    ['?', t.keyHelp],
    ['/', t.keyFilter],
    ...Object.entries(places).map(([letter, { label }]) => [`g ${letter}`, t.keyGo({ page: label })] as const),
    ['↑ ↓', t.keyGrid],
    ['↵', t.keyOpen],
    ['␣', t.keySelect],
  ]
  return (
    <Dialog title={t.keysHelp} onClose={() => setOpen(false)}>
      <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-y-2">
        {lines.map(([keys, does]) => (
          <div key={keys} className="contents">
            <dt>
              <kbd className="border-line bg-ground rounded border px-1.5 font-mono text-xs">{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
