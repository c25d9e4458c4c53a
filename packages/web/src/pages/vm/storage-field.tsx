import type { ReactNode } from 'react'
import { formatBytes } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { useAll } from '../../live/live.ts'
import { SelectField } from '../../ui/field.tsx'

/** A storage of a pool that takes disks, with what is free on it. */
export function StorageField({
  pool,
  value,
  onChange,
  without,
  none = common.choose,
  label = t.storage,
}: {
  readonly pool: string
  readonly value: string
  readonly onChange: (id: string) => void
  /** One that is not offered. */
  readonly without?: string
  /** What stands for no choice. */
  readonly none?: string
  readonly label?: string
}): ReactNode {
  const storages = useAll('storage').filter(
    ({ id, pool: of, content }) => of === pool && id !== without && (content === 'disks' || content === 'mixed'),
  )
  return (
    <SelectField label={label} value={value} onChange={({ target }) => onChange(target.value)}>
      <option value="">{none}</option>
      {storages.map(({ id, name, size, used = 0 }) => (
        <option key={id} value={id}>
          {size === undefined ? name : t.storageFree({ name, free: formatBytes(size - used) })}
        </option>
      ))}
    </SelectField>
  )
}
