// Signing in with a token.
import { h } from '../dom.js';
import { redraw } from '../screen.js';
import { signIn } from '../session.js';

const form = { token: '', error: '', isBusy: false };

export function Login({ onSignedIn }) {
  const submit = async (event) => {
    event.preventDefault();
    Object.assign(form, { isBusy: true, error: '' });
    redraw();
    try {
      await signIn(form.token.trim());
      form.token = '';
      onSignedIn();
    } catch (error) {
      form.error = error.status === 401 ? 'This token is unknown, has expired or was revoked.' : error.message;
    }
    form.isBusy = false;
    redraw();
  };
  return h('main', { class: 'login' },
    h('form', { class: 'card', onSubmit: submit },
      h('h1', {},
        h('svg', { viewBox: '0 0 18 18', width: 22, height: 22, 'aria-hidden': 'true' },
          h('path', { d: 'M1 6c4 0 4 6 8 6s4-6 8-6', fill: 'none', stroke: 'currentColor', 'stroke-width': 2.4, 'stroke-linecap': 'round' })),
        'jobstream'),
      h('label', { for: 'token' }, 'Token'),
      h('input', {
        id: 'token', type: 'password', name: 'token', autocomplete: 'current-password', required: true, value: form.token, placeholder: 'jst_…',
        onInput: (event) => { form.token = event.target.value; }, ref: (dom) => dom.focus(),
        'aria-describedby': 'token-help', 'aria-invalid': form.error ? 'true' : undefined,
      }),
      form.error && h('p', { class: 'wrong', role: 'alert' }, form.error),
      h('button', { type: 'submit', class: 'pri', disabled: form.isBusy }, form.isBusy ? 'Signing in' : 'Sign in'),
      h('p', { class: 'soft', id: 'token-help' }, 'Made by ', h('code', {}, 'jobstream tokens create --principal you --scopes operate'), '. It is kept in a cookie that scripts cannot read.')));
}
