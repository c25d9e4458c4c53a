import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { Button, type ButtonProps } from './button.tsx'
import { cx } from './class-names.ts'

/** One entry of a menu; `reason` says why it cannot be chosen now. */
export interface MenuEntry {
  readonly id: string
  readonly label: string
  readonly icon?: ReactNode
  readonly reason?: string | undefined
  readonly danger?: boolean
  /** A tick before it: chosen or not. */
  readonly checked?: boolean
  /** Closes the menu although it has a tick: one of several, not some of them. */
  readonly closes?: boolean
  /** A line above it. */
  readonly apart?: boolean
  readonly run: () => void
}

export interface MenuProps extends Omit<ButtonProps, 'onClick' | 'aria-label'> {
  readonly entries: readonly MenuEntry[]
  /** Name of the button when it has no text. */
  readonly label?: string
}

/** A button that opens a menu (WAI-ARIA menu button): arrows, Home, End, first letters, Escape. Entries that are off can be read. */
export function Menu({ entries, label, children, ...button }: MenuProps): ReactNode {
  const [isOpen, setOpen] = useState(false)
  const list = useRef<HTMLDivElement>(null)
  const trigger = useRef<HTMLButtonElement>(null)
  // A press on the button closes the popover before the click comes, which must not open it again.
  const wasOpen = useRef(false)
  const id = useId()
  useEffect(() => {
    if (!isOpen || !list.current || !trigger.current) return
    place(list.current, trigger.current)
    list.current.showPopover()
    focusable(list.current)[0]?.focus()
  }, [isOpen])
  const close = (): void => {
    setOpen(false)
    trigger.current?.focus()
  }
  return (
    <>
      <Button
        {...button}
        ref={trigger}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        {...(label === undefined ? {} : { 'aria-label': label, title: label })}
        onPointerDown={() => (wasOpen.current = isOpen)}
        onClick={({ detail }) => setOpen(detail === 0 ? !isOpen : !wasOpen.current)}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown') return
          event.preventDefault()
          setOpen(true)
        }}
      >
        {children}
      </Button>
      {isOpen && (
        <div
          ref={list}
          id={id}
          role="menu"
          aria-label={label ?? (typeof children === 'string' ? children : undefined)}
          popover="auto"
          tabIndex={-1}
          onToggle={(event) => event.newState === 'closed' && setOpen(false)}
          onKeyDown={(event) => onMenuKey(event, close)}
          className="bg-raised border-line text-ink fixed m-0 max-h-[70dvh] max-w-[min(26rem,calc(100vw-1rem))] min-w-48 overflow-auto rounded-lg border p-1 shadow-xl"
        >
          {entries.map((entry) => (
            <Entry key={entry.id} entry={entry} close={close} />
          ))}
        </div>
      )}
    </>
  )
}

function Entry({ entry, close }: { readonly entry: MenuEntry; readonly close: () => void }): ReactNode {
  const { label, icon, reason, danger = false, checked, closes = checked === undefined, apart = false, run } = entry
  return (
    <>
      {apart && <div role="separator" className="border-line my-1 border-t" />}
      <button
        type="button"
        role={checked === undefined ? 'menuitem' : 'menuitemcheckbox'}
        aria-checked={checked}
        aria-disabled={reason === undefined ? undefined : true}
        tabIndex={-1}
        onMouseEnter={(event) => event.currentTarget.focus()}
        onClick={() => {
          if (reason !== undefined) return
          // A choice of columns is often more than one.
          if (closes) close()
          run()
        }}
        className={cx(
          'focus:bg-hover flex w-full items-start gap-2.5 rounded px-2.5 py-1.5 text-left outline-none',
          danger && 'text-bad',
        )}
      >
        <span className={cx('mt-0.5 flex w-4 shrink-0 justify-center', reason !== undefined && 'opacity-50')}>
          {checked === undefined ? icon : checked ? '✓' : ''}
        </span>
        <span className="min-w-0">
          <span className={cx('block', reason !== undefined && 'text-muted')}>{label}</span>
          {reason !== undefined && <span className="text-muted block text-xs">{reason}</span>}
        </span>
      </button>
    </>
  )
}

function focusable(list: HTMLElement): readonly HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>('[role^=menuitem]')]
}

function onMenuKey(event: KeyboardEvent<HTMLElement>, close: () => void): void {
  const items = focusable(event.currentTarget)
  const at = items.indexOf(document.activeElement as HTMLElement)
  const letter = event.key.length === 1 ? event.key.toLowerCase() : ''
  const startsWith = (item: HTMLElement): boolean => item.textContent.toLowerCase().startsWith(letter)
  if (event.key === 'Escape' || event.key === 'Tab') close()
  else if (event.key === 'ArrowDown') items[(at + 1) % items.length]?.focus()
  else if (event.key === 'ArrowUp') items.at(at <= 0 ? -1 : at - 1)?.focus()
  else if (event.key === 'Home') items[0]?.focus()
  else if (event.key === 'End') items.at(-1)?.focus()
  else if (letter.trim() !== '') [...items.slice(at + 1), ...items].find(startsWith)?.focus()
  else return
  if (event.key !== 'Tab') event.preventDefault()
}

/** Below the button, or above it where there is more room; inside of the window. */
function place(list: HTMLElement, trigger: HTMLElement): void {
  const { left, right, top, bottom } = trigger.getBoundingClientRect()
  const isLow = bottom > innerHeight * 0.65
  const isRight = left > innerWidth / 2
  list.style.inset = 'auto'
  list.style[isLow ? 'bottom' : 'top'] = `${isLow ? innerHeight - top + 4 : bottom + 4}px`
  list.style[isRight ? 'right' : 'left'] = `${Math.max(8, isRight ? innerWidth - right : left)}px`
}
