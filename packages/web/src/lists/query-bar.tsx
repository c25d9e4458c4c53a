import { completeAt, queryTable, type Completion, type QueryProblem, type QueryType } from '@nixen/api'
import { Search, X } from 'lucide-react'
import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { IconButton } from '../ui/button.tsx'
import { cx } from '../ui/class-names.ts'
import { valuesOfField } from './field-values.ts'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'

export interface QueryBarProps {
  readonly type: QueryType
  readonly text: string
  readonly onChange: (text: string) => void
  readonly problem: QueryProblem | undefined
  readonly objects: readonly object[]
  readonly nameOf: (id: string) => string | undefined
  /** An example; that of the type when left out. */
  readonly placeholder?: string
}

/** What a query may look like, by what it is over. */
const examples: Readonly<Partial<Record<QueryType, string>>> = lists.examples

/** Characters of a query: what the address and the server take. */
const most = 4000

/** Where a query is typed: completions at the caret, a mistake is marked where it is. */
export function QueryBar({ type, text, onChange, problem, objects, nameOf, placeholder }: QueryBarProps): ReactNode {
  const input = useRef<HTMLInputElement>(null)
  const marks = useRef<HTMLDivElement>(null)
  const [caret, setCaret] = useState<number>()
  const [chosen, setChosen] = useState(-1)
  const [isCut, setCut] = useState(false)
  const id = useId()
  const table = queryTable(type)
  const found =
    caret === undefined
      ? undefined
      : completeAt(text, caret, table, { valuesOf: (field) => valuesOfField(field, objects, nameOf), limit: 8 })
  const options = found?.options ?? []
  const isOpen = options.length > 0

  const put = (next: string, at: number): void => {
    onChange(next)
    setCut(false)
    setChosen(-1)
    requestAnimationFrame(() => {
      input.current?.focus()
      input.current?.setSelectionRange(at, at)
      setCaret(at)
    })
  }
  const take = ({ text: word, kind }: Completion): void => {
    if (!found) return
    const filler = kind === 'field' ? '' : ' '
    const head = text.slice(0, found.offset) + word + filler
    put(head + text.slice(found.offset + found.length).replace(/^ /, ''), head.length)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const option = options[chosen]
    if (event.key === 'Escape' && caret !== undefined && isOpen) setCaret(undefined)
    else if (event.key === 'Escape' && text !== '') put('', 0)
    else if (event.key === 'ArrowDown' && isOpen) setChosen((chosen + 1) % options.length)
    else if (event.key === 'ArrowUp' && isOpen) setChosen((chosen <= 0 ? options.length : chosen) - 1)
    else if ((event.key === 'Enter' || event.key === 'Tab') && isOpen && option) take(option)
    else if (event.key === 'Enter') setCaret(undefined)
    else return
    event.preventDefault()
  }

  return (
    <div className="relative min-w-0 flex-1 basis-64">
      <div
        className={cx(
          'bg-panel flex min-h-9 items-center rounded-md border pr-1 pl-2.5 focus-within:outline-2 focus-within:outline-offset-1',
          problem ? 'border-bad outline-bad' : 'border-edge outline-accent',
        )}
      >
        <Search size={16} className="text-muted mr-2 shrink-0" aria-hidden />
        <div className="relative min-w-0 flex-1">
          <div
            ref={marks}
            aria-hidden
            className="pointer-events-none absolute inset-0 overflow-hidden leading-8 whitespace-pre text-transparent"
          >
            {problem && <Marked text={text} problem={problem} />}
          </div>
          <input
            ref={input}
            type="text"
            role="combobox"
            aria-label={lists.filter}
            aria-expanded={isOpen}
            aria-controls={`${id}-options`}
            aria-autocomplete="list"
            aria-activedescendant={chosen >= 0 && isOpen ? `${id}-${chosen}` : undefined}
            aria-invalid={problem ? true : undefined}
            aria-describedby={problem ? `${id}-problem` : undefined}
            autoComplete="off"
            spellCheck={false}
            placeholder={placeholder ?? examples[type] ?? lists.filter}
            value={text}
            maxLength={most}
            onChange={(event) => {
              onChange(event.target.value)
              setChosen(-1)
              setCut(event.target.value.length >= most)
              setCaret(event.target.selectionStart ?? event.target.value.length)
            }}
            onClick={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
            onScroll={(event) => marks.current?.scrollTo(event.currentTarget.scrollLeft, 0)}
            onKeyDown={onKeyDown}
            onBlur={() => setCaret(undefined)}
            className="relative h-8 w-full bg-transparent outline-none"
          />
        </div>
        {text !== '' && (
          <IconButton
            label={common.clearFilter}
            className="min-h-7 min-w-7"
            onClick={() => put('', 0)}
            icon={<X size={15} aria-hidden />}
          />
        )}
      </div>
      <ul
        id={`${id}-options`}
        role="listbox"
        aria-label={lists.completions}
        hidden={!isOpen}
        className="bg-raised border-line absolute inset-x-0 top-full z-30 mt-1 max-w-xl overflow-hidden rounded-md border py-1 shadow-lg"
      >
        {options.map((option, index) => (
          <li
            key={`${option.kind} ${option.text}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseDown={(event) => {
              event.preventDefault()
              take(option)
            }}
            className={cx(
              'flex cursor-default items-baseline gap-3 px-3 py-1',
              index === chosen ? 'bg-chosen' : 'hover:bg-hover',
            )}
          >
            <span className="font-mono text-xs">{option.text}</span>
            <span className="text-muted truncate text-xs">{option.detail}</span>
          </li>
        ))}
      </ul>
      {isCut && (
        <p role="status" className="text-warn mt-1 text-xs">
          {lists.queryCut({ most })}
        </p>
      )}
      {problem && !isOpen && (
        <p id={`${id}-problem`} role="status" className="text-bad mt-1 text-xs">
          {problem.message}
          {problem.suggestion !== undefined && (
            <Suggestion text={text} problem={problem} suggestion={problem.suggestion} put={put} />
          )}
        </p>
      )}
    </div>
  )
}

function Marked({
  text,
  problem: { offset, length },
}: {
  readonly text: string
  readonly problem: QueryProblem
}): ReactNode {
  const end = offset + Math.max(1, length)
  return (
    <>
      {text.slice(0, offset)}
      <span className="decoration-bad underline decoration-wavy underline-offset-4">
        {text.slice(offset, end) || ' '}
      </span>
      {text.slice(end)}
    </>
  )
}

interface SuggestionProps {
  readonly text: string
  readonly problem: QueryProblem
  readonly suggestion: string
  readonly put: (text: string, caret: number) => void
}

function Suggestion({ text, problem: { offset, length }, suggestion, put }: SuggestionProps): ReactNode {
  const head = text.slice(0, offset) + suggestion
  return (
    <>
      {' '}
      <button
        type="button"
        className="text-accent min-h-6 underline"
        onClick={() => put(head + text.slice(offset + length), head.length)}
      >
        {lists.didYouMean({ text: suggestion })}
      </button>
    </>
  )
}
