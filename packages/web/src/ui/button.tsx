import type { ComponentProps, ReactNode } from 'react'
import { cx } from './class-names.ts'

export type ButtonLook = 'solid' | 'plain' | 'quiet' | 'danger'

const looks: Readonly<Record<ButtonLook, string>> = {
  solid: 'bg-solid text-white hover:bg-solid-hover border-transparent',
  plain: 'bg-raised text-ink hover:bg-hover border-line',
  quiet: 'bg-transparent text-ink hover:bg-hover border-transparent',
  danger: 'bg-bad-solid text-white hover:brightness-110 border-transparent',
}

export interface ButtonProps extends ComponentProps<'button'> {
  readonly look?: ButtonLook
  readonly icon?: ReactNode
  /** Why it cannot be pressed now. It stays reachable, so that everybody can read the reason. */
  readonly reason?: string | undefined
}

/** A button. One that cannot be pressed says why, to eyes, pointers and screen readers. */
export function Button({
  look = 'plain',
  icon,
  reason,
  className,
  children,
  onClick,
  ...rest
}: ButtonProps): ReactNode {
  return (
    <button
      type="button"
      {...rest}
      {...(reason === undefined ? {} : { 'aria-disabled': true, 'aria-description': reason, title: reason })}
      onClick={(event) => (reason === undefined ? onClick?.(event) : event.preventDefault())}
      className={cx(
        'inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 text-sm font-medium whitespace-nowrap disabled:cursor-progress',
        looks[look],
        reason !== undefined && 'cursor-not-allowed opacity-60',
        className,
      )}
    >
      {icon}
      {children}
    </button>
  )
}

/** A button with an icon alone; `label` is what it is called. */
export function IconButton({ label, className, ...rest }: ButtonProps & { readonly label: string }): ReactNode {
  return <Button look="quiet" title={label} {...rest} aria-label={label} className={cx('min-w-8 px-1.5', className)} />
}
