import { useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { backup as t } from '../i18n/backup.ts'
import { sessionText } from '../i18n/session.ts'
import { client } from '../session/session.ts'
import { TextField } from '../ui/field.tsx'
import { FormDialog } from '../ui/form-dialog.tsx'
import { repositoriesQuery } from './backup-queries.ts'

/** Makes a repository. The password is asked for twice: without it nothing can ever be restored. */
export function RepositoryDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [location, setLocation] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const [accessKeyId, setAccessKeyId] = useState('')
  const [secretAccessKey, setSecretAccessKey] = useState('')
  const isS3 = /^s3:/i.test(location.trim())
  const send = async (): Promise<void> => {
    if (again !== password) throw new Error(sessionText.differTwice)
    await client.repository.create({
      name: name.trim(),
      location: location.trim(),
      password,
      ...(isS3 && accessKeyId !== '' ? { accessKeyId, secretAccessKey } : {}),
    })
    await queries.invalidateQueries({ queryKey: repositoriesQuery.queryKey })
  }
  return (
    <FormDialog title={t.newRepository} label={t.makeRepository} send={send} onClose={onClose}>
      <TextField
        label={t.repositoryName}
        required
        autoFocus
        maxLength={100}
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      <TextField
        label={t.repositoryWhere}
        help={t.repositoryWhereHelp}
        required
        spellCheck={false}
        value={location}
        onChange={({ target }) => setLocation(target.value)}
      />
      {isS3 && (
        <>
          <TextField
            label={t.accessKey}
            autoComplete="off"
            spellCheck={false}
            value={accessKeyId}
            onChange={({ target }) => setAccessKeyId(target.value)}
          />
          <TextField
            label={t.secretKey}
            type="password"
            autoComplete="off"
            value={secretAccessKey}
            onChange={({ target }) => setSecretAccessKey(target.value)}
          />
        </>
      )}
      <TextField
        label={t.repositoryPassword}
        help={t.repositoryPasswordHelp}
        type="password"
        autoComplete="new-password"
        required
        value={password}
        onChange={({ target }) => setPassword(target.value)}
      />
      <TextField
        label={sessionText.again}
        type="password"
        autoComplete="new-password"
        required
        error={again !== '' && again !== password ? sessionText.differ : undefined}
        value={again}
        onChange={({ target }) => setAgain(target.value)}
      />
    </FormDialog>
  )
}
