import { useNavigate } from '@tanstack/react-router'
import { compareNatural } from '@nixen/api'
import { CornerDownLeft } from 'lucide-react'
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { inventory, liveStatus } from '../live/live.ts'
import { signOut } from '../session/session.ts'
import { cx } from '../ui/class-names.ts'
import { useValue, value } from '../value.ts'
import { areas } from './areas.tsx'
import { rank, type Command } from './commands.ts'
import { pageCommands } from './page-commands.ts'
import { chooseTheme, themes } from './theme.ts'
import { shell } from '../i18n/shell.ts'

const isOpen = value(false)

export function openPalette(): void {
  isOpen.set(true)
}

/** The palette: pages, objects and what the page at hand can do, behind Ctrl K or ⌘ K. */
export function Palette(): ReactNode {
  const open = useValue(isOpen)
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      isOpen.set(!isOpen.get())
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return open ? <PaletteDialog onClose={() => isOpen.set(false)} /> : null
}

function PaletteDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const id = useId()
  const commands = useCommands()
  const found = useMemo(() => rank(commands, text, 12), [commands, text])
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  const take = (command: Command | undefined): void => {
    if (!command || command.reason !== undefined) return
    onClose()
    command.run()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt((at + 1) % Math.max(1, found.length))
    else if (event.key === 'ArrowUp') setAt(at <= 0 ? found.length - 1 : at - 1)
    else if (event.key === 'Enter') take(found[at])
    else return
    event.preventDefault()
  }
  return (
    <dialog
      ref={dialog}
      aria-label={shell.search}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => event.target === event.currentTarget && onClose()}
      className="bg-panel border-line mt-[10vh] w-[min(40rem,calc(100vw-2rem))] rounded-xl border p-0 shadow-2xl"
    >
      <input
        type="text"
        role="combobox"
        aria-label={shell.search}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found[at] ? `${id}-${at}` : undefined}
        aria-autocomplete="list"
        autoComplete="off"
        spellCheck={false}
        placeholder={shell.searchHint}
        value={text}
        maxLength={200}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
        className="border-line h-12 w-full border-b bg-transparent px-4 text-base outline-none"
      />
      <ul id={`${id}-list`} role="listbox" aria-label={shell.results} className="max-h-[50vh] overflow-auto p-1.5">
        {found.map((command, index) => (
          <li
            key={command.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            aria-disabled={command.reason === undefined ? undefined : true}
            onMouseMove={() => setAt(index)}
            onClick={() => take(command)}
            className={cx('flex min-h-9 items-center gap-3 rounded-md px-3', index === at && 'bg-chosen')}
          >
            <span className={cx('min-w-0 truncate', command.reason !== undefined && 'text-muted')}>
              {command.label}
            </span>
            <span className="text-muted ml-auto max-w-[50%] truncate text-xs">{command.reason ?? command.kind}</span>
            {index === at && <CornerDownLeft size={14} aria-hidden className="text-muted shrink-0" />}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="text-muted px-5 pb-4">{shell.nothingFound}</p>}
    </dialog>
  )
}

/** All that can be chosen; objects as they are when the palette is opened, or when they come. */
function useCommands(): readonly Command[] {
  const navigate = useNavigate()
  const { kind: freshness } = useValue(liveStatus)
  return useMemo(() => {
    const pages = areas.map(({ to, label }) => ({
      id: to,
      label: shell.goTo({ page: label }),
      kind: shell.kinds.page,
      run: () => void navigate({ to }),
    }))
    const objects = (freshness === 'loading' ? [] : (['vm', 'host', 'storage', 'network'] as const)).flatMap((type) =>
      inventory
        .all(type)
        .toSorted((a, b) => compareNatural(a.name, b.name))
        .map(({ id, name }) => ({
          id,
          label: name,
          kind: shell.kinds[type],
          run: () => void navigate({ to: `/${type}s/$id`, params: { id } }),
        })),
    )
    const own: readonly Command[] = [
      {
        id: 'connect',
        label: shell.connectPool,
        kind: shell.kinds.action,
        run: () => void navigate({ to: '/connections/new' }),
      },
      ...themes.map((one) => ({
        id: `theme-${one}`,
        label: shell.theme({ theme: shell.themes[one] }),
        kind: shell.kinds.setting,
        run: () => chooseTheme(one),
      })),
      { id: 'sign-out', label: shell.signOut, kind: shell.kinds.action, run: () => void signOut() },
    ]
    return [...pageCommands.get(), ...pages, ...own, ...objects]
  }, [navigate, freshness])
}
