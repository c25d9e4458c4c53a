import type { ReactNode } from 'react'
import { common } from '../i18n/common.ts'
import { Button, type ButtonLook } from './button.tsx'
import { Dialog, DialogButtons } from './dialog.tsx'
import { Notice } from './notice.tsx'
import { useWork } from './use-work.ts'

export interface FormDialogProps {
  readonly title: string
  /** What the button says that sends it. */
  readonly label: string
  readonly look?: ButtonLook
  readonly icon?: ReactNode
  /** Why it cannot be sent yet. */
  readonly reason?: string | undefined
  readonly wide?: boolean
  /** Sends it; the dialog closes when that worked and says what went wrong otherwise, with all that was typed. */
  readonly send: () => Promise<void>
  readonly onClose: () => void
  readonly children: ReactNode
}

/** A form in a dialog. */
export function FormDialog(props: FormDialogProps): ReactNode {
  const { title, label, look = 'solid', icon, reason, wide = false, send, onClose, children } = props
  const work = useWork()
  return (
    <Dialog title={title} onClose={onClose} wide={wide}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (reason !== undefined) return
          void work.run(async () => {
            await send()
            onClose()
          })
        }}
      >
        {children}
        {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
        <DialogButtons>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" look={look} icon={icon} reason={reason} disabled={work.busy}>
            {label}
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  )
}
