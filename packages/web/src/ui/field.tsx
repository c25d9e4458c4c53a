import { useId, type ComponentProps, type ReactNode } from 'react'
import { common } from '../i18n/common.ts'
import { cx } from './class-names.ts'

const box =
  'w-full min-h-9 rounded-md border border-edge bg-panel px-3 text-ink aria-[invalid=true]:border-bad aria-[invalid=true]:outline-bad'

interface Labelled {
  readonly label: string
  readonly help?: string | undefined
  readonly error?: string | undefined
}

/**
 * What is wrong with a text that is longer than it may be. It stays as it was pasted: a browser that is told `maxLength` cuts it without a word. The form is not
 * sent meanwhile, and says why.
 */
function lengthOf(value: unknown, most: number | undefined) {
  const length = typeof value === 'string' ? value.length : 0
  const tooLong = most !== undefined && length > most ? common.tooLong({ most, length }) : undefined
  const ref = (element: HTMLInputElement | HTMLTextAreaElement | null): void =>
    element?.setCustomValidity(tooLong ?? '')
  return { tooLong, ref }
}

/** An input with its label, what is said about it, and what is wrong with it. */
export function TextField({
  label,
  help,
  error: given,
  className,
  maxLength,
  ...rest
}: Labelled & Omit<ComponentProps<'input'>, 'id'>): ReactNode {
  const id = useId()
  const { tooLong, ref } = lengthOf(rest.value, maxLength)
  const error = given ?? tooLong
  return (
    <Around id={id} label={label} help={help} error={error}>
      <input id={id} ref={ref} {...describedBy(id, { help, error })} {...rest} className={cx(box, className)} />
    </Around>
  )
}

/** A text of several lines. */
export function AreaField({
  label,
  help,
  error: given,
  className,
  maxLength,
  ...rest
}: Labelled & Omit<ComponentProps<'textarea'>, 'id'>): ReactNode {
  const id = useId()
  const { tooLong, ref } = lengthOf(rest.value, maxLength)
  const error = given ?? tooLong
  return (
    <Around id={id} label={label} help={help} error={error}>
      <textarea
        id={id}
        ref={ref}
        rows={4}
        {...describedBy(id, { help, error })}
        {...rest}
        className={cx(box, 'py-2', className)}
      />
    </Around>
  )
}

/** A choice of a few. */
export function SelectField({ label, help, error, children, ...rest }: Labelled & ComponentProps<'select'>): ReactNode {
  const id = useId()
  return (
    <Around id={id} label={label} help={help} error={error}>
      <select id={id} {...describedBy(id, { help, error })} {...rest} className={box}>
        {children}
      </select>
    </Around>
  )
}

/** Some of a few: boxes below one heading. */
export function ChoiceField({
  label,
  help,
  options,
  chosen,
  onChange,
  inline = false,
}: {
  readonly label: string
  readonly help?: string
  readonly options: readonly { readonly id: string; readonly label: string }[]
  readonly chosen: readonly string[]
  readonly onChange: (chosen: readonly string[]) => void
  /** Beside each other. */
  readonly inline?: boolean
}): ReactNode {
  return (
    <fieldset className={inline ? 'flex flex-wrap gap-x-4 gap-y-1' : 'grid gap-1'}>
      <legend className="mb-1 font-medium">{label}</legend>
      {options.map(({ id, label: name }) => (
        <CheckField
          key={id}
          label={name}
          checked={chosen.includes(id)}
          onChange={({ target }) => onChange(target.checked ? [...chosen, id] : chosen.filter((other) => other !== id))}
        />
      ))}
      {help !== undefined && <p className="text-muted text-xs">{help}</p>}
    </fieldset>
  )
}

/** A yes or no with its text beside it. */
export function CheckField({ label, ...rest }: { readonly label: string } & ComponentProps<'input'>): ReactNode {
  return (
    <label className="flex min-h-6 items-center gap-2">
      <input type="checkbox" {...rest} className="size-4 accent-solid" />
      {label}
    </label>
  )
}

function describedBy(id: string, { help, error }: Partial<Labelled>): Record<string, unknown> {
  const ids = [help === undefined ? [] : `${id}-help`, error === undefined ? [] : `${id}-error`].flat()
  return { 'aria-describedby': ids.join(' ') || undefined, 'aria-invalid': error === undefined ? undefined : true }
}

function Around({ id, label, help, error, children }: Labelled & { id: string; children: ReactNode }): ReactNode {
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children}
      {help !== undefined && (
        <p id={`${id}-help`} className="text-muted text-xs">
          {help}
        </p>
      )}
      {error !== undefined && (
        <p id={`${id}-error`} className="text-bad text-xs">
          {error}
        </p>
      )}
    </div>
  )
}
