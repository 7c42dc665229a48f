import { type Request, type Response, Router } from 'express';
import { describeErrors, type InputErrors } from '../input-errors.ts';
import { defaultSettings, settingNames, settingsChangeSchema, settingTable } from '../settings.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { inputOf, refuseInput, sendDone, sendFormPage, wantsPage } from './page-or-json.ts';

const page = '/simulator/settings';

/** The open questions about Dojo, to choose from. A change applies from the next call on. */
export function createSettingsRouter({ settings, changeSettings }: SimulatorState): Router {
  const router = Router();

  router.get('/', (req, res) => {
    if (wantsPage(req)) sendSettings(req, res);
    else res.json(settings());
  });

  const change = (req: Request, res: Response) => {
    const parsed = settingsChangeSchema.safeParse(inputOf(req));
    if (!parsed.success) {
      const errors = describeErrors(parsed.error, settingNames);
      return refuseInput(req, errors, () => sendSettings(req, res, errors));
    }
    changeSettings(parsed.data);
    sendDone(req, res, { page, notice: 'saved', json: settings() });
  };
  router.patch('/', change);
  router.post('/', change);

  const restore = (req: Request, res: Response) => {
    changeSettings(defaultSettings);
    sendDone(req, res, { page, notice: 'saved', json: settings() });
  };
  router.delete('/', restore);
  router.post('/defaults', restore);

  function sendSettings(req: Request, res: Response, errors?: InputErrors): void {
    sendFormPage(req, res, {
      name: 'control-settings',
      title: 'Settings',
      errors,
      labels: Object.fromEntries(settingNames.map((name) => [name, name])),
      whole: 'settings',
      page: {
        settings: settingNames.map((name) => ({
          name,
          question: settingTable[name].question,
          reason: settingTable[name].reason,
          isChanged: settings()[name] !== defaultSettings[name],
          choices: settingTable[name].choices.map((choice) => ({
            choice,
            isChosen: settings()[name] === choice,
          })),
        })),
      },
    });
  }

  return router;
}
