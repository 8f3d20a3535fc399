import java.util.Map;
import okhttp3.*;

/** OkHttp, with its defaults: `java OkHttp BASE CERTIFICATE`. */
class OkHttp extends Client {
    private static final MediaType JSON = MediaType.get("application/json");
    private final OkHttpClient client;

    OkHttp(String certificate) throws Exception {
        var trust = trust(certificate);
        client = new OkHttpClient.Builder().sslSocketFactory(context(trust).getSocketFactory(), trust).build();
    }

    @Override
    Answer call(String method, String url, Map<String, String> headers, String body) throws Exception {
        var content = body.isEmpty() ? null : RequestBody.create(JSON, body);
        var request = new Request.Builder().url(url).headers(Headers.of(headers)).method(method, content);
        try (var answer = client.newCall(request.build()).execute()) {
            var protocol = answer.protocol() == Protocol.HTTP_2 ? "HTTP/2" : "HTTP/1.1";
            return new Answer(protocol, answer.code(), answer.headers().toMultimap(), answer.body().string());
        }
    }

    public static void main(String[] given) throws Exception {
        var client = new OkHttp(given[1]);
        client.run(given[0]);
        client.client.dispatcher().executorService().shutdown();
        client.client.connectionPool().evictAll();
    }
}
