import { X } from 'lucide-react'
import { useEffect, useId, useRef, type ReactNode } from 'react'
import { IconButton } from './button.tsx'
import { cx } from './class-names.ts'
import { common } from '../i18n/common.ts'

export interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  readonly wide?: boolean
  /** Without a way out: a sign-in above what is on the screen. */
  readonly required?: boolean
}

/** A modal dialog: the browser's own, which keeps the focus inside, closes with Escape and gives the focus back. */
export function Dialog({ title, onClose, children, wide = false, required = false }: DialogProps): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        if (!required) onClose()
      }}
      className={cx(
        'bg-panel border-line max-h-[min(90dvh,52rem)] w-[calc(100vw-2rem)] flex-col rounded-xl border p-0 shadow-xl open:flex',
        wide ? 'max-w-3xl' : 'max-w-lg',
      )}
    >
      <header className="border-line flex items-center justify-between gap-4 border-b py-2 pr-2 pl-5">
        <h2 id={id} className="min-w-0 text-base font-semibold break-words">
          {title}
        </h2>
        {!required && <IconButton label={common.close} onClick={onClose} icon={<X size={18} aria-hidden />} />}
      </header>
      <div className="min-h-0 overflow-auto p-5" tabIndex={-1}>
        {children}
      </div>
    </dialog>
  )
}

/** The buttons at the end of a dialog. */
export function DialogButtons({ children }: { readonly children: ReactNode }): ReactNode {
  return <div className="mt-5 flex flex-wrap justify-end gap-2">{children}</div>
}
