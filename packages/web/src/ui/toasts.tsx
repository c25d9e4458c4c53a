import { X } from 'lucide-react'
import { useEffect, type ReactNode } from 'react'
import { useValue, value } from '../value.ts'
import { IconButton } from './button.tsx'
import { Notice, type Tone } from './notice.tsx'
import { common } from '../i18n/common.ts'

interface Toast {
  readonly id: number
  readonly tone: Tone
  readonly text: string
}

const toasts = value<readonly Toast[]>([])
let last = 0

/** Says something in the corner; what went wrong stays until it is closed. */
export function toast(tone: Tone, text: string): void {
  last += 1
  toasts.set([...toasts.get().slice(-3), { id: last, tone, text }])
}

function drop(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id))
}

/** Where toasts appear. */
export function Toasts(): ReactNode {
  const shown = useValue(toasts)
  return (
    <div className="pointer-events-none fixed right-4 bottom-14 z-40 grid w-[min(26rem,calc(100vw-2rem))] gap-2">
      {shown.map((toast) => (
        <OneToast key={toast.id} toast={toast} />
      ))}
    </div>
  )
}

function OneToast({ toast: { id, tone, text } }: { readonly toast: Toast }): ReactNode {
  useEffect(() => {
    if (tone === 'bad') return
    const timer = setTimeout(() => drop(id), 6000)
    return () => clearTimeout(timer)
  }, [id, tone])
  return (
    <div className="bg-raised border-line pointer-events-auto flex items-start gap-1 rounded-lg border p-1 shadow-lg">
      <div className="min-w-0 flex-1">
        <Notice tone={tone}>{text}</Notice>
      </div>
      <IconButton label={common.close} onClick={() => drop(id)} icon={<X size={16} aria-hidden />} />
    </div>
  )
}
