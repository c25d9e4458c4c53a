import { Check, Copy } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { IconButton } from '../ui/button.tsx'
import { equivalents, type VmActionName } from './equivalents.ts'
import { common } from '../i18n/common.ts'

/** The same by command line and API, to copy. */
export function Equivalents({
  action,
  id,
  input = {},
}: {
  readonly action: VmActionName
  readonly id: string
  readonly input?: Readonly<Record<string, unknown>>
}): ReactNode {
  const { cli, api } = equivalents(action, id, input)
  return (
    <details className="border-line rounded-md border">
      <summary className="text-muted min-h-8 cursor-pointer px-3 py-1.5 text-xs font-medium">
        {common.asCommand}
      </summary>
      <div className="grid gap-2 p-3 pt-1">
        <CodeLine label={common.command} text={cli} />
        <CodeLine label={common.apiCall} text={api} />
      </div>
    </details>
  )
}

/** A line of code with a button that copies it. */
export function CodeLine({ label, text }: { readonly label: string; readonly text: string }): ReactNode {
  const [copied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <div className="bg-ground flex items-start gap-1 rounded-md">
      <code className="min-w-0 flex-1 p-2 text-xs break-all">{text}</code>
      <IconButton
        label={copied ? common.copied : common.copy({ what: label })}
        onClick={() => void copy()}
        icon={copied ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />}
      />
    </div>
  )
}
