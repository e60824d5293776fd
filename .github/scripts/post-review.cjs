// Posts the review of a pull request, or writes the one of an earlier push anew. The text comes from code that nobody
// has read yet: it is bounded, calls nobody by name, and decides nothing about where it is posted.
'use strict';

const fs = require('fs');

const MARKER = '<!-- rawmill: infrastructure review -->';
const LONGEST = 65536;
const AUTHOR = 'github-actions[bot]';
const FROM_FORK = '\n<sub>From a fork: this was written by the code under review.</sub>\n';

module.exports = async ({ github, context, core, path }) => {
  const run = context.payload.workflow_run;
  const text = read(path);
  if (text === null) {
    core.setFailed(`${path}: is no review: it does not begin with ${MARKER}, or is longer than ${LONGEST} characters`);
    return;
  }
  const { owner, repo } = context.repo;
  // The event does not name the pull requests of forks; the branch that it was started for does.
  const { data: pulls } = await github.rest.pulls.list({
    owner,
    repo,
    state: 'open',
    head: `${run.head_repository.owner.login}:${run.head_branch}`,
  });
  const current = pulls.filter((pull) => pull.head.sha === run.head_sha);
  if (current.length === 0) {
    core.info('no open pull request has this commit as its head any more');
    return;
  }
  const body = run.head_repository.full_name === `${owner}/${repo}` ? text : text.slice(0, LONGEST - FROM_FORK.length) + FROM_FORK;
  for (const pull of current) {
    const comments = await github.paginate(github.rest.issues.listComments, {
      owner,
      repo,
      issue_number: pull.number,
      per_page: 100,
    });
    const former = comments.find((comment) => comment.user?.login === AUTHOR && comment.body?.startsWith(MARKER));
    if (former === undefined) {
      await github.rest.issues.createComment({ owner, repo, issue_number: pull.number, body });
    } else if (former.body !== body) {
      await github.rest.issues.updateComment({ owner, repo, comment_id: former.id, body });
    }
  }
};

function read(path) {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size > 4 * LONGEST) {
    return null;
  }
  // A zero-width space keeps a name from being called.
  const text = fs.readFileSync(path, 'utf8').replace(/@(?=[A-Za-z0-9])/g, '@\u200b');
  return text.startsWith(MARKER) && text.length <= LONGEST ? text : null;
}
