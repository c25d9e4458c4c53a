import type { InventoryType, SavedQuery } from '@nixen/api'
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query'
import { Bookmark } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'
import { client, session } from '../session/session.ts'
import { errorText } from '../ui/error-text.ts'
import { CheckField, TextField } from '../ui/field.tsx'
import { FormDialog } from '../ui/form-dialog.tsx'
import { Menu } from '../ui/menu.tsx'
import { toast } from '../ui/toasts.tsx'
import { useValue } from '../value.ts'

const viewsQuery = queryOptions({
  queryKey: ['saved-query.list'],
  queryFn: async ({ signal }) => (await client.savedQuery.list({}, { signal })).items,
})

/** What a view keeps. */
export interface View {
  readonly q: string
  readonly sort: string
  readonly columns: readonly string[]
}

export interface ViewsMenuProps {
  readonly type: InventoryType
  readonly view: View
  readonly onTake: (view: Omit<View, 'columns'> & { readonly columns: readonly string[] | undefined }) => void
}

/** Views of a list that people saved, with their queries, orders and columns: taken, saved and deleted. */
export function ViewsMenu({ type, view, onTake }: ViewsMenuProps): ReactNode {
  const { data = [] } = useQuery(viewsQuery)
  const [isSaving, setSaving] = useState(false)
  const queries = useQueryClient()
  const state = useValue(session)
  const me = 'me' in state ? state.me.user.id : undefined
  const views = data.filter((one) => one.type === type)
  const isShown = ({ q, sort = 'name' }: SavedQuery): boolean => q === view.q.trim() && sort === view.sort
  const shown = views.find((one) => isShown(one) && one.owner === me)
  const remove = async ({ id, name }: SavedQuery): Promise<void> => {
    try {
      await client.savedQuery.delete({ id })
      toast('good', lists.viewDeleted({ name }))
    } catch (error) {
      toast('bad', errorText(error))
    }
    await queries.invalidateQueries({ queryKey: viewsQuery.queryKey })
  }
  return (
    <>
      <Menu
        label={lists.views}
        icon={<Bookmark size={16} aria-hidden />}
        className="min-h-9"
        entries={[
          ...views.map((one) => ({
            id: one.id,
            label: one.name,
            checked: isShown(one),
            closes: true,
            run: () => onTake({ q: one.q, sort: one.sort ?? 'name', columns: one.columns }),
          })),
          { id: 'save', label: lists.saveView, apart: views.length > 0, run: () => setSaving(true) },
          ...(shown
            ? [
                {
                  id: 'delete',
                  label: lists.deleteView({ name: shown.name }),
                  danger: true,
                  run: () => void remove(shown),
                },
              ]
            : []),
        ]}
      >
        {lists.views}
      </Menu>
      {isSaving && <SaveDialog type={type} view={view} onClose={() => setSaving(false)} />}
    </>
  )
}

function SaveDialog({
  type,
  view,
  onClose,
}: Pick<ViewsMenuProps, 'type' | 'view'> & { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState('')
  const [isShared, setShared] = useState(false)
  const queries = useQueryClient()
  const send = async (): Promise<void> => {
    const { q, sort, columns } = view
    await client.savedQuery.create({
      name: name.trim(),
      type,
      q: q.trim(),
      sort,
      columns: [...columns],
      shared: isShared,
    })
    await queries.invalidateQueries({ queryKey: viewsQuery.queryKey })
  }
  return (
    <FormDialog title={lists.saveView} label={common.save} send={send} onClose={onClose}>
      <TextField
        label={lists.viewName}
        required
        autoFocus
        maxLength={100}
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      <CheckField label={lists.viewShared} checked={isShared} onChange={({ target }) => setShared(target.checked)} />
    </FormDialog>
  )
}
