import { useNavigate } from '@tanstack/react-router'
import { useRef, useState, type ReactNode } from 'react'
import { formatBytes, formatDuration, formatPart, formatRate } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { shell } from '../../i18n/shell.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { useAll } from '../../live/live.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { SelectField, TextField } from '../../ui/field.tsx'
import { Bar } from '../../ui/meter.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Page } from '../../ui/page.tsx'
import { toast } from '../../ui/toasts.tsx'
import { useWork } from '../../ui/use-work.ts'
import { StorageField } from './storage-field.tsx'
import { upload, type Sent } from './upload.ts'

/** Imports a VM from a file of this computer, with its progress, or from a web server. */
export function ImportVmPage(): ReactNode {
  const pools = useAll('pool')
  const [chosen, setPool] = useState('')
  const [from, setFrom] = useState<'file' | 'url'>('file')
  const [file, setFile] = useState<File>()
  const [url, setUrl] = useState('')
  const [name, setName] = useState('')
  const [storage, setStorage] = useState('')
  const [sent, setSent] = useState<Sent>()
  const stop = useRef<AbortController>(undefined)
  const access = useAccess()
  const work = useWork()
  const navigate = useNavigate()
  const pool = chosen || pools[0]?.id || ''
  const named = name.trim() === '' ? {} : { name: name.trim() }
  const send = async (): Promise<void> => {
    if (from === 'url') await client.vm.importUrl({ url: url.trim(), storage, ...named })
    else if (file) {
      stop.current = new AbortController()
      try {
        const { signal } = stop.current
        await upload('/vms/import', { storage, ...named }, { file, signal, onSent: setSent })
      } finally {
        setSent(undefined)
      }
    }
    toast('good', t.imported({ name: name.trim() || file?.name || url }))
    await navigate({ to: '/vms' })
  }
  const missing = storage === '' || (from === 'file' ? !file : url.trim() === '')
  const reason = lacking(access, 'vm:import') ?? (missing ? common.choose : undefined)
  return (
    <Page title={t.importTitle} crumbs={[{ label: shell.vms, to: '/vms' }]}>
      <form
        className="bg-panel border-line grid max-w-xl gap-4 rounded-lg border p-5"
        onSubmit={(event) => {
          event.preventDefault()
          if (reason === undefined) void work.run(send)
        }}
      >
        <SelectField
          label={t.importFrom}
          value={from}
          onChange={({ target }) => setFrom(target.value === 'url' ? 'url' : 'file')}
        >
          <option value="file">{t.importFile}</option>
          <option value="url">{t.importUrl}</option>
        </SelectField>
        {from === 'file' ? (
          <TextField
            label={t.file}
            type="file"
            accept=".xva,.ova,.gz,.zst"
            className="py-1.5"
            onChange={({ target }) => setFile(target.files?.[0])}
          />
        ) : (
          <TextField
            label={t.url}
            type="url"
            required
            help={t.urlHelp}
            value={url}
            onChange={({ target }) => setUrl(target.value)}
          />
        )}
        {pools.length > 1 && (
          <SelectField
            label={t.pool}
            value={pool}
            onChange={({ target }) => {
              setPool(target.value)
              setStorage('')
            }}
          >
            {pools.map(({ id, name: label }) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </SelectField>
        )}
        <StorageField pool={pool} value={storage} onChange={setStorage} />
        <TextField
          label={common.name}
          help={t.importNameHelp}
          value={name}
          onChange={({ target }) => setName(target.value)}
        />
        {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
        {sent && <Progress sent={sent} name={file?.name ?? ''} onStop={() => stop.current?.abort()} />}
        <div>
          <Button type="submit" look="solid" disabled={work.busy} reason={reason}>
            {t.importVm}
          </Button>
        </div>
      </form>
    </Page>
  )
}

function Progress({
  sent: { bytes, total, rate },
  name,
  onStop,
}: {
  readonly sent: Sent
  readonly name: string
  readonly onStop: () => void
}): ReactNode {
  const part = total === 0 ? 1 : bytes / total
  return (
    <div role="status" className="border-line grid gap-2 rounded-md border p-3">
      <p className="break-words">
        {t.importing({ name })} {common.usedOf({ used: formatBytes(bytes), size: formatBytes(total) })}
      </p>
      <span className="flex">
        <Bar part={part} label={t.importing({ name })} tone="bg-solid" />
      </span>
      <p className="text-muted">
        {part >= 1
          ? t.sentAll
          : t.sent({
              part: formatPart(part),
              rate: formatRate(rate),
              left: formatDuration(((total - bytes) / Math.max(1, rate)) * 1000),
            })}
      </p>
      <div className="flex items-center justify-between gap-3">
        <span className="text-muted text-xs">{t.stay}</span>
        <Button onClick={onStop}>{t.stop}</Button>
      </div>
    </div>
  )
}
