import type { Setting } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { CheckField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Card } from '../../ui/page.tsx'
import { SimpleTable } from '../../ui/simple-table.tsx'
import { SettingsFrame } from './frame.tsx'

const queryKey = ['settings.list']

/** Settings of the server, and where their values come from. */
export function ServerPage(): ReactNode {
  const access = useAccess()
  const [changing, setChanging] = useState<Setting>()
  const { data, error, isPending } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await client.settings.list({}, { signal })).items,
    retry: false,
  })
  const missing = lacking(access, 'settings:update')
  return (
    <SettingsFrame title={t.server}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      {data && (
        <Card title={t.server}>
          <SimpleTable
            label={t.server}
            heads={[t.settingsKey, t.settingsValue, t.settingsFrom, common.edit]}
            none={common.noneOfThem}
            rows={data.map((setting) => ({
              id: setting.key,
              cells: [
                <>
                  <code className="text-xs font-semibold break-words">{setting.key}</code>
                  <span className="text-muted block max-w-prose min-w-48 text-xs" translate="no">
                    {setting.description}
                  </span>
                </>,
                <code className="text-xs break-all">{shown(setting)}</code>,
                <>
                  {t.settingsSources[setting.source]}
                  {setting.origin !== undefined && (
                    <code className="text-muted block text-xs break-words">{setting.origin}</code>
                  )}
                </>,
                <Button
                  aria-label={`${common.edit} ${setting.key}`}
                  reason={
                    missing ??
                    (setting.readOnly ? t.settingsReadOnly({ origin: setting.origin ?? setting.source }) : undefined)
                  }
                  onClick={() => setChanging(setting)}
                >
                  {common.edit}
                </Button>,
              ],
            }))}
          />
        </Card>
      )}
      {changing && <ChangeDialog setting={changing} onClose={() => setChanging(undefined)} />}
    </SettingsFrame>
  )
}

function shown({ secret, value }: Setting): string {
  if (secret) return t.settingsSecret
  return value === undefined ? common.none : typeof value === 'string' ? value : JSON.stringify(value)
}

function ChangeDialog({ setting, onClose }: { readonly setting: Setting; readonly onClose: () => void }): ReactNode {
  const { key, secret, value, default: usual, restart } = setting
  const queries = useQueryClient()
  const [text, setText] = useState(secret || value === undefined ? '' : JSON.stringify(value))
  const [useDefault, setUseDefault] = useState(false)
  const send = async (): Promise<void> => {
    await client.settings.update({ values: { [key]: useDefault ? null : read(text) } })
    await queries.invalidateQueries({ queryKey })
  }
  return (
    <FormDialog title={t.settingsChange({ key })} label={common.save} send={send} onClose={onClose}>
      <p translate="no">{setting.description}</p>
      {restart && <Notice tone="info">{t.settingsRestart}</Notice>}
      <TextField
        label={t.settingsValue}
        help={t.settingsValueHelp}
        type={secret ? 'password' : 'text'}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        disabled={useDefault}
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      <CheckField
        label={`${t.settingsDefault}${usual === undefined ? '' : ` (${JSON.stringify(usual)})`}`}
        checked={useDefault}
        onChange={({ target }) => setUseDefault(target.checked)}
      />
    </FormDialog>
  )
}

/** What people type: JSON, or a text as it is. */
function read(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: most settings are plain words.
    return text
  }
}
