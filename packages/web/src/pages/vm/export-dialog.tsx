import type { Vm } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { basePath } from '../../base.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { SelectField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice } from '../../ui/notice.tsx'
import { vmCan } from '@nixen/api'

const compressions = ['none', 'gzip', 'zstd'] as const

/** Exports a VM as a download of the browser: it is written to disk as it comes, however large it is. */
export function ExportDialog({ vm, onClose }: { readonly vm: Vm; readonly onClose: () => void }): ReactNode {
  const [format, setFormat] = useState<'xva' | 'ova'>('xva')
  const [compression, setCompression] = useState<(typeof compressions)[number]>('zstd')
  const verdict = vmCan.export.check(vm)
  const send = async (): Promise<void> => {
    const query = new URLSearchParams({ format, ...(format === 'xva' ? { compression } : {}) })
    const link = document.createElement('a')
    link.href = `${basePath}api/v1/vms/${vm.id}/export?${query}`
    link.download = ''
    link.click()
    await Promise.resolve()
  }
  return (
    <FormDialog
      title={t.exportTitle({ name: vm.name })}
      label={t.exportButton}
      reason={verdict.allowed ? undefined : verdict.reason}
      send={send}
      onClose={onClose}
    >
      <p>{t.exportHelp}</p>
      {!verdict.allowed && <Notice tone="warn">{verdict.reason}</Notice>}
      <SelectField
        label={t.exportFormat}
        value={format}
        onChange={({ target }) => setFormat(target.value === 'ova' ? 'ova' : 'xva')}
      >
        <option value="xva">{t.exportFormats.xva}</option>
        <option value="ova">{t.exportFormats.ova}</option>
      </SelectField>
      {format === 'xva' && (
        <SelectField
          label={t.compression}
          value={compression}
          onChange={({ target }) => setCompression(compressions.find((one) => one === target.value) ?? 'zstd')}
        >
          {compressions.map((one) => (
            <option key={one} value={one}>
              {t.compressions[one]}
            </option>
          ))}
        </SelectField>
      )}
    </FormDialog>
  )
}
