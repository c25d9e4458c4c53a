import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { CodeLine } from '../../actions/equivalent-lines.tsx'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogButtons } from '../../ui/dialog.tsx'
import { errorText } from '../../ui/error-text.ts'
import { SelectField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Card } from '../../ui/page.tsx'
import { SimpleTable } from '../../ui/simple-table.tsx'
import { Ago } from '../../ui/time.tsx'
import { toast } from '../../ui/toasts.tsx'

const queryKey = ['token.mine']
const day = 86_400_000

/** The API tokens of who is signed in. */
export function TokensCard(): ReactNode {
  const queries = useQueryClient()
  const [making, setMaking] = useState(false)
  const [secret, setSecret] = useState<string>()
  const { data, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await client.token.mine({}, { signal })).items,
  })
  const refresh = async (): Promise<void> => await queries.invalidateQueries({ queryKey })
  const revoke = async (id: string): Promise<void> => {
    try {
      await client.token.revoke({ id })
      await refresh()
    } catch (failure) {
      toast('bad', errorText(failure))
    }
  }
  return (
    <Card title={t.tokens} actions={<Button onClick={() => setMaking(true)}>{t.tokenNew}</Button>}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      <SimpleTable
        label={t.tokens}
        heads={[t.tokenName, t.tokenScope, t.tokenUsed, t.tokenExpires, t.tokenRevoke]}
        none={t.tokensNone}
        rows={(data ?? []).map(({ id, name, grants, lastUsed, expires }) => ({
          id,
          cells: [
            name,
            grants ? t.tokenLimited : t.tokenAll,
            <Ago time={lastUsed} />,
            expires === undefined ? t.tokenNever : <Ago time={expires} />,
            <Button onClick={() => void revoke(id)}>{t.tokenRevoke}</Button>,
          ],
        }))}
      />
      {making && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(made) => {
            setSecret(made)
            void refresh()
          }}
        />
      )}
      {secret !== undefined && (
        <Dialog title={t.tokens} onClose={() => setSecret(undefined)}>
          <p className="mb-3">{t.tokenMade}</p>
          <CodeLine label={common.secret} text={secret} />
          <DialogButtons>
            <Button look="solid" onClick={() => setSecret(undefined)}>
              {common.close}
            </Button>
          </DialogButtons>
        </Dialog>
      )}
    </Card>
  )
}

function NewToken({
  onClose,
  onMade,
}: {
  readonly onClose: () => void
  readonly onMade: (secret: string) => void
}): ReactNode {
  const [name, setName] = useState('')
  const [days, setDays] = useState(90)
  const [readOnly, setReadOnly] = useState(false)
  const send = async (): Promise<void> => {
    const { secret } = await client.token.create({
      name: name.trim(),
      ...(days === 0 ? {} : { expires: Date.now() + days * day }),
      ...(readOnly ? { grants: [{ actions: ['*:read'] }] } : {}),
    })
    onMade(secret)
  }
  return (
    <FormDialog title={t.tokens} label={t.tokenMake} send={send} onClose={onClose}>
      <TextField
        label={t.tokenName}
        autoFocus
        required
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <SelectField label={t.tokenExpires} value={days} onChange={(event) => setDays(Number(event.target.value))}>
        {[7, 30, 90, 365].map((count) => (
          <option key={count} value={count}>
            {t.tokenDays({ days: count })}
          </option>
        ))}
        <option value={0}>{t.tokenNever}</option>
      </SelectField>
      <SelectField
        label={t.tokenScope}
        value={readOnly ? 'read' : 'all'}
        onChange={(event) => setReadOnly(event.target.value === 'read')}
      >
        <option value="all">{t.tokenAll}</option>
        <option value="read">{t.tokenReadOnly}</option>
      </SelectField>
    </FormDialog>
  )
}
