import type { TotpOffer } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { CodeLine } from '../../actions/equivalent-lines.tsx'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { client, loadSession } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogButtons } from '../../ui/dialog.tsx'
import { errorText } from '../../ui/error-text.ts'
import { TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Card } from '../../ui/page.tsx'
import { QrCode } from '../../ui/qr-code.tsx'
import { State } from '../../ui/state.tsx'
import { toast } from '../../ui/toasts.tsx'

/** The second factor of who is signed in. */
export function TotpCard({ on }: { readonly on: boolean }): ReactNode {
  const [offer, setOffer] = useState<TotpOffer>()
  const [removing, setRemoving] = useState(false)
  const [codes, setCodes] = useState<readonly string[]>()
  const begin = async (): Promise<void> => {
    try {
      setOffer(await client.session.offerTotp())
    } catch (error) {
      toast('bad', errorText(error))
    }
  }
  return (
    <Card
      title={t.totp}
      actions={
        on ? (
          <Button onClick={() => setRemoving(true)}>{t.totpRemove}</Button>
        ) : (
          <Button onClick={() => void begin()}>{t.totpSetUp}</Button>
        )
      }
    >
      <State shape={on ? 'full' : 'ring'} tone={on ? 'good' : 'still'}>
        {on ? common.on : common.off}
      </State>
      <p className="text-muted mt-1">{on ? t.totpOn : t.totpOff}</p>
      {offer && <SetUp offer={offer} onClose={() => setOffer(undefined)} onDone={setCodes} />}
      {codes && (
        <Dialog title={t.recovery} onClose={() => setCodes(undefined)}>
          <p className="mb-3">{t.recoveryHelp}</p>
          <CodeLine label={t.recovery} text={codes.join(' ')} />
          <DialogButtons>
            <Button look="solid" onClick={() => setCodes(undefined)}>
              {t.recoveryKept}
            </Button>
          </DialogButtons>
        </Dialog>
      )}
      {removing && <TakeAway onClose={() => setRemoving(false)} />}
    </Card>
  )
}

function SetUp({
  offer: { secret, uri },
  onClose,
  onDone,
}: {
  readonly offer: TotpOffer
  readonly onClose: () => void
  readonly onDone: (codes: readonly string[]) => void
}): ReactNode {
  const [code, setCode] = useState('')
  const send = async (): Promise<void> => {
    const { recoveryCodes } = await client.session.confirmTotp({ code: code.replaceAll(/\s/g, '') })
    onDone(recoveryCodes)
    await loadSession()
  }
  return (
    <FormDialog title={t.totp} label={t.totpConfirm} send={send} onClose={onClose}>
      <p>{t.totpScan}</p>
      <div className="flex flex-wrap items-center gap-4">
        <QrCode text={uri} label={t.totpQr} />
        <div className="min-w-0 flex-1 basis-48">
          <p className="mb-1 font-medium">{t.totpSecret}</p>
          <CodeLine label={common.secret} text={secret} />
        </div>
      </div>
      <CodeField code={code} onChange={setCode} />
    </FormDialog>
  )
}

function CodeField({
  code,
  onChange,
}: {
  readonly code: string
  readonly onChange: (code: string) => void
}): ReactNode {
  return (
    <TextField
      label={t.totpCode}
      help={t.totpCodeHelp}
      autoComplete="one-time-code"
      inputMode="numeric"
      required
      value={code}
      onChange={(event) => onChange(event.target.value)}
    />
  )
}

function TakeAway({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const send = async (): Promise<void> => {
    await client.session.removeTotp({ password, code: code.replaceAll(/\s/g, '') })
    await loadSession()
  }
  return (
    <FormDialog title={t.totp} label={common.remove} look="danger" send={send} onClose={onClose}>
      <TextField
        label={t.password}
        type="password"
        autoComplete="current-password"
        required
        autoFocus
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <CodeField code={code} onChange={setCode} />
    </FormDialog>
  )
}
