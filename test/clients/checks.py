"""What the tests in Python share: unittest, with a line "ok - sentence" a test, and errors known by their SQLSTATE."""
import contextlib
import sys
import unittest

sys.dont_write_bytecode = True

A = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'
B = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'


def sqlstate_of(error):
    """Of a driver's error, or of one that an ORM has wrapped it in."""
    for candidate in (error, getattr(error, 'orig', None), error.__cause__):
        code = getattr(candidate, 'sqlstate', None) or getattr(candidate, 'pgcode', None)
        if code:
            return code
    return None


class TestCase(unittest.TestCase):
    @contextlib.contextmanager
    def refused(self, sqlstate, kind=Exception):
        """The block must raise an error of this kind with this SQLSTATE."""
        with self.assertRaises(kind) as caught:
            yield caught
        self.assertEqual(sqlstate_of(caught.exception), sqlstate, caught.exception)


class Result(unittest.TextTestResult):
    """One line a test. What was expected to fail says so, and fails the run once it no longer does."""

    def say(self, verdict, test, after=''):
        sentence = ' '.join((test._testMethodDoc or test.id()).split()) if hasattr(test, '_testMethodDoc') else str(test)
        print(f'{verdict} - {sentence}{after}', flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say('ok', test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.say('not ok', test)

    def addError(self, test, error):
        super().addError(test, error)
        self.say('not ok', test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say('ok', test, f' # SKIP {reason}')

    def addExpectedFailure(self, test, error):
        super().addExpectedFailure(test, error)
        self.say('ok', test, ' # TODO: expected to fail until what it needs is there')

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.say('not ok', test, ': it passes: take the decorator expectedFailure away')


def run(*modules):
    """Runs the tests of these modules, or of the caller's, and exits with a status."""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(loader.loadTestsFromName(module) for module in modules or ('__main__',))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Result).run(suite)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
